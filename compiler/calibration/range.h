// From what was observed to the range that quantization covers.
#pragma once

#include "compiler/calibration/histogram.h"
#include "joinery/v1/build_configuration.pb.h"

namespace joinery::compiler {

// min <= 0 <= max, both finite: zero is always representable, as padding and ReLU need it to be.
struct Range {
  float min = 0;
  float max = 0;
};

// From the smallest to the largest value, and zero.
Range MinMaxRange(const Histogram& histogram);

// The range within MinMaxRange whose quantization to `levels` values has the least mean squared error: values inside
// are off by a uniform rounding error, values outside by their distance from the range. Source: Banner et al. 2019,
// "Post training 4-bit quantization of convolutional networks" (arXiv:1810.05723), section 2, with the observed
// distribution in place of a fitted one.
Range LeastSquaresRange(const Histogram& histogram, int levels);

Range ChooseRange(const Histogram& histogram, v1::RangeMethod method, int levels);

}  // namespace joinery::compiler
