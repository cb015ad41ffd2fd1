#include "compiler/calibration/range.h"

#include <algorithm>
#include <limits>
#include <vector>

namespace joinery::compiler {
namespace {

// How many ends each side of the range is tried with.
constexpr int kCandidates = 128;

// The squared distance of all values beyond a threshold from it, by sums over the bins from the outside in.
class Tail {
 public:
  // `sign` 1 for the values above zero, -1 for those below.
  Tail(const Histogram& histogram, int sign) : width_(histogram.bin_width()) {
    const absl::Span<const uint64_t> bins = histogram.bins();
    constexpr int kHalf = Histogram::kBins / 2;
    sums_.resize(kHalf + 1);
    for (int i = kHalf - 1; i >= 0; --i) {
      const auto n =
          static_cast<double>(bins.empty() ? 0 : bins[static_cast<size_t>(sign > 0 ? kHalf + i : kHalf - 1 - i)]);
      const double x = (i + 0.5) * width_;
      const Sums& outer = sums_[static_cast<size_t>(i) + 1];
      sums_[static_cast<size_t>(i)] = {outer.n + n, outer.x + n * x, outer.xx + n * x * x};
    }
  }

  // Sum of (|x| - threshold)^2 over the values whose bin's centre is beyond `threshold` >= 0.
  double SquaredExcess(double threshold) const {
    const Sums& sums = Beyond(threshold);
    return std::max(0.0, sums.xx - 2 * threshold * sums.x + threshold * threshold * sums.n);
  }

  // How many values that is.
  double Count(double threshold) const { return Beyond(threshold).n; }

 private:
  struct Sums {
    double n = 0;
    double x = 0;
    double xx = 0;
  };

  const Sums& Beyond(double threshold) const {
    const auto bin = static_cast<size_t>(std::max(0.0, threshold / width_ + 0.5));
    return sums_[std::min(bin, sums_.size() - 1)];
  }

  double width_;
  std::vector<Sums> sums_;
};

}  // namespace

Range MinMaxRange(const Histogram& histogram) {
  return {std::min(histogram.min(), 0.0F), std::max(histogram.max(), 0.0F)};
}

Range LeastSquaresRange(const Histogram& histogram, int levels) {
  const Range whole = MinMaxRange(histogram);
  const Tail above(histogram, 1);
  const Tail below(histogram, -1);
  const double nonzero = static_cast<double>(histogram.count() - histogram.zeros());

  Range best = whole;
  double least = std::numeric_limits<double>::infinity();
  const int last_min = whole.min < 0 ? kCandidates : 1;
  const int last_max = whole.max > 0 ? kCandidates : 1;
  for (int i = 0; i < last_max; ++i) {
    const double max = static_cast<double>(whole.max) * (kCandidates - i) / kCandidates;
    // What lies beyond the largest value is only its bin's width.
    const double excess_above = i == 0 ? 0 : above.SquaredExcess(max);
    const double count_above = i == 0 ? 0 : above.Count(max);
    for (int j = 0; j < last_min; ++j) {
      const double min = static_cast<double>(whole.min) * (kCandidates - j) / kCandidates;
      const double excess = excess_above + (j == 0 ? 0 : below.SquaredExcess(-min));
      const double inside = nonzero - count_above - (j == 0 ? 0 : below.Count(-min));
      const double scale = (max - min) / (levels - 1);
      const double error = excess + inside * scale * scale / 12;
      if (error < least) {
        least = error;
        best = {static_cast<float>(min), static_cast<float>(max)};
      }
    }
  }
  return best;
}

Range ChooseRange(const Histogram& histogram, v1::RangeMethod method, int levels) {
  return method == v1::RANGE_METHOD_MIN_MAX ? MinMaxRange(histogram) : LeastSquaresRange(histogram, levels);
}

}  // namespace joinery::compiler
