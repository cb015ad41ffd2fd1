#include "compiler/calibration/range_min_max.h"

#include <algorithm>

namespace joinery::compiler {

Range MinMaxRange(const Histogram& histogram) {
  return {std::min(histogram.min(), 0.0F), std::max(histogram.max(), 0.0F)};
}

}  // namespace joinery::compiler
