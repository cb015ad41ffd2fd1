#include "compiler/calibration/range.h"

#include "compiler/calibration/range_entropy.h"
#include "compiler/calibration/range_least_squares.h"
#include "compiler/calibration/range_min_max.h"
#include "compiler/calibration/range_moving_average.h"
#include "compiler/calibration/range_percentile.h"

namespace joinery::compiler {

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
      return LeastSquaresRange(histogram, options.levels, options.weight_below);
  }
}

}  // namespace joinery::compiler
