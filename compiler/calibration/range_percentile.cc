#include "compiler/calibration/range_percentile.h"

#include <algorithm>
#include <numeric>

#include "compiler/calibration/range_min_max.h"

namespace joinery::compiler {
namespace {

// The value beyond which, counted from the lower end of the bins (or from the upper one), `count` values lie.
double Quantile(const Histogram& histogram, double count, bool from_above) {
  const absl::Span<const uint64_t> bins = histogram.bins();
  double left_out = 0;
  for (int i = 0; i < Histogram::kBins; ++i) {
    const int bin = from_above ? Histogram::kBins - 1 - i : i;
    const auto here = static_cast<double>(bins[static_cast<size_t>(bin)]);
    if (here > 0 && left_out + here > count) {
      const double share = (count - left_out) / here;
      const double in_bin = from_above ? 1 - share : share;
      return (bin - Histogram::kBins / 2 + in_bin) * histogram.bin_width();
    }
    left_out += here;
  }
  return 0;
}

}  // namespace

Range PercentileRange(const Histogram& histogram, double percentile) {
  const Range whole = MinMaxRange(histogram);
  if (histogram.bins().empty()) return whole;
  const absl::Span<const uint64_t> bins = histogram.bins();
  const auto nonzero = static_cast<double>(std::accumulate(bins.begin(), bins.end(), uint64_t{0}));
  const double left_out = nonzero * (1 - std::clamp(percentile, 0.0, 100.0) / 100) / 2;
  const auto min = static_cast<float>(Quantile(histogram, left_out, false));
  const auto max = static_cast<float>(Quantile(histogram, left_out, true));
  return {std::clamp(min, whole.min, 0.0F), std::clamp(max, 0.0F, whole.max)};
}

}  // namespace joinery::compiler
