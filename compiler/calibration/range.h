// From what was observed to the range that quantization covers. One method a file: range_METHOD.h.
#pragma once

#include "absl/types/span.h"
#include "compiler/calibration/histogram.h"
#include "joinery/v1/build_configuration.pb.h"

namespace joinery::compiler {

// min <= 0 <= max, both finite: zero is always representable, as padding and ReLU need it to be.
struct Range {
  float min = 0;
  float max = 0;
};

struct RangeOptions {
  // UNSPECIFIED is MSE.
  v1::RangeMethod method = v1::RANGE_METHOD_UNSPECIFIED;
  // How many numbers the quantized type has, whether it is signed or not: 256 or 65536.
  int levels = 256;
  // See Calibration.percentile; 0: kDefaultPercentile.
  double percentile = 0;
  // For MSE: how much the error of a value below zero counts against that of one above.
  double weight_below = 1;
};

// The range by the method of the options.
//
//   extremes_of_samples  the smallest and largest value of each sample, in the order of the samples. MOVING_AVERAGE
//                        averages them, and takes the extremes of all where there are none; MSE widens its range by
//                        them where samples are few, since those of others may well be larger. The other methods do
//                        not look at them.
Range ChooseRange(const Histogram& histogram, absl::Span<const Range> extremes_of_samples, const RangeOptions& options);

}  // namespace joinery::compiler
