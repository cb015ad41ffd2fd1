#include "compiler/calibration/range.h"

#include <algorithm>

#include "compiler/calibration/range_entropy.h"
#include "compiler/calibration/range_least_squares.h"
#include "compiler/calibration/range_min_max.h"
#include "compiler/calibration/range_moving_average.h"
#include "compiler/calibration/range_percentile.h"

namespace joinery::compiler {
namespace {

// With so many samples the values of others may well be as far beyond theirs as theirs are apart.
constexpr double kFewSamples = 3;
// So many stand for others.
constexpr size_t kEnoughSamples = 30;

// Widens a range that was fitted to few samples towards what the values of others are not expected to exceed: twice the
// samples' largest extreme less the mean of all. The fewer samples, the further.
Range WidenForOthers(const Range& fitted, absl::Span<const Range> extremes_of_samples) {
  if (extremes_of_samples.empty() || extremes_of_samples.size() >= kEnoughSamples) return fitted;
  const auto count = static_cast<double>(extremes_of_samples.size());
  double largest = 0;
  double largest_mean = 0;
  double smallest = 0;
  double smallest_mean = 0;
  for (const Range& sample : extremes_of_samples) {
    largest = std::max<double>(largest, sample.max);
    smallest = std::min<double>(smallest, sample.min);
    largest_mean += std::max<double>(sample.max, 0) / count;
    smallest_mean += std::min<double>(sample.min, 0) / count;
  }
  const double share = std::min(1.0, kFewSamples * kFewSamples / (count * count));
  const double above = std::max(2 * largest - largest_mean - fitted.max, 0.0);
  const double below = std::max(fitted.min - (2 * smallest - smallest_mean), 0.0);
  return {static_cast<float>(fitted.min - share * below), static_cast<float>(fitted.max + share * above)};
}

}  // namespace

Range ChooseRange(const Histogram& histogram, absl::Span<const Range> extremes_of_samples,
                  const RangeOptions& options) {
  switch (options.method) {
    case v1::RANGE_METHOD_MIN_MAX:
      return MinMaxRange(histogram);
    case v1::RANGE_METHOD_MOVING_AVERAGE:
      return extremes_of_samples.empty() ? MinMaxRange(histogram) : MovingAverageRange(extremes_of_samples);
    case v1::RANGE_METHOD_PERCENTILE:
      return PercentileRange(histogram, options.percentile > 0 ? options.percentile : kDefaultPercentile);
    case v1::RANGE_METHOD_ENTROPY:
      return EntropyRange(histogram, options.levels);
    default:
      return WidenForOthers(LeastSquaresRange(histogram, options.levels, options.weight_below), extremes_of_samples);
  }
}

}  // namespace joinery::compiler
