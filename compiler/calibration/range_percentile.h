// The range without the rarest values.
#pragma once

#include "compiler/calibration/range.h"

namespace joinery::compiler {

inline constexpr double kDefaultPercentile = 99.99;

// Leaves out at each end half of the share of values that is not in `percentile` (0 to 100). Values that are exactly
// zero do not count: every range holds them, and the range shall not shrink because a tensor is sparse, to nothing in
// the end. Exact up to how values lie within one bin of the histogram.
// Source: McKinstry et al. 2018, "Discovering Low-Precision Networks Close to Full-Precision Networks for Efficient
// Embedded Inference" (arXiv:1809.04191); compared with other methods by Wu et al. 2020 (arXiv:2004.09602), section 5.
Range PercentileRange(const Histogram& histogram, double percentile);

}  // namespace joinery::compiler
