// The arithmetic of an input's or output's steps, as its configuration has them.
#pragma once

#include <cstddef>

#include "joinery/v1/build_configuration.pb.h"

namespace joinery::compiler {

// y = x * scale + bias.
struct Affine {
  double scale = 1;
  double bias = 0;
};

// The value for `channel` among `values`, which are one for each channel, one for all, or none.
double StepValue(const google::protobuf::RepeatedField<float>& values, size_t channel, double otherwise);

// All steps, the first one first, as one for `channel`.
Affine CombineSteps(const google::protobuf::RepeatedPtrField<v1::PreprocessingStep>& steps, size_t channel);

}  // namespace joinery::compiler
