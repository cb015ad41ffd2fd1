// From what people write to what the compiler reads: what goes in beside the configuration, and what comes out.
#pragma once

#include <cstdint>
#include <string>
#include <vector>

#include "joinery/v1/build_configuration.pb.h"

namespace joinery::compiler {

// An input of the float model, all dimensions known.
struct ModelInput {
  std::string name;
  // onnx::TensorProto::DataType
  int32_t element_type = 0;
  std::vector<int64_t> shape;
};

struct Translation {
  v1::BuildConfiguration configuration;
  // For people, one sentence each: what was chosen where the file leaves it open, and every field that is set and that
  // this version does not act on (its path, what it would mean, what happens instead).
  std::vector<std::string> warnings;
};

// Whether `input` can be a picture whose channels are where `layout`, NCHW or NHWC, has them: float32, rank 4, with 1
// or 3 channels.
bool CanBePicture(const ModelInput& input, v1::Layout layout);

// The names of `inputs`, in their order.
std::vector<std::string> InputNames(const std::vector<ModelInput>& inputs);

}  // namespace joinery::compiler
