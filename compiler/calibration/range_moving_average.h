// The range of a typical sample.
#pragma once

#include "absl/types/span.h"
#include "compiler/calibration/range.h"

namespace joinery::compiler {

// The average of the samples' extremes in which a sample weighs 1 % less than the one after it. Zero is added; no
// samples give an empty range.
//
//   extremes_of_samples  in the order of the samples: the result depends on it
//
// Source: the exponential moving averages of Jacob et al. 2018 (arXiv:1712.05877), section 3.1, with the constant 0.01
// of PyTorch's MovingAverageMinMaxObserver. That is made for thousands of training steps: begun with the first sample,
// as there, the average of 100 would still be 37 % the first. So the weights are divided by their sum, as by Kingma and
// Ba 2015, "Adam" (arXiv:1412.6980), section 3: a few samples then weigh about the same.
Range MovingAverageRange(absl::Span<const Range> extremes_of_samples);

}  // namespace joinery::compiler
