// The range that cuts nothing off.
#pragma once

#include "compiler/calibration/range.h"

namespace joinery::compiler {

// From the smallest to the largest value, and zero.
// Source: Jacob et al. 2018, "Quantization and Training of Neural Networks for Efficient Integer-Arithmetic-Only
// Inference" (arXiv:1712.05877), section 3, equation 13.
Range MinMaxRange(const Histogram& histogram);

}  // namespace joinery::compiler
