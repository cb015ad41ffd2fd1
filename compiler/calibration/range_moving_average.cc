#include "compiler/calibration/range_moving_average.h"

#include <algorithm>

namespace joinery::compiler {
namespace {

constexpr double kAveragingConstant = 0.01;

}  // namespace

Range MovingAverageRange(absl::Span<const Range> extremes_of_samples) {
  double min = 0;
  double max = 0;
  double weight = 0;
  for (const Range& sample : extremes_of_samples) {
    min += kAveragingConstant * (sample.min - min);
    max += kAveragingConstant * (sample.max - max);
    weight += kAveragingConstant * (1 - weight);
  }
  if (weight <= 0) return {};
  return {static_cast<float>(std::min(min / weight, 0.0)), static_cast<float>(std::max(max / weight, 0.0))};
}

}  // namespace joinery::compiler
