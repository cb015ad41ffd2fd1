#include "compiler/calibration/range_entropy.h"

#include <algorithm>
#include <cmath>
#include <limits>
#include <vector>

#include "compiler/calibration/range_min_max.h"

namespace joinery::compiler {
namespace {

constexpr int kHalf = Histogram::kBins / 2;
constexpr double kRuledOut = std::numeric_limits<double>::infinity();

// How many ends are tried, each this part of the one before, and the parts the steps around the best are divided into.
constexpr int kSteps = 48;
constexpr double kStep = 0.94;
constexpr int kFineSteps = 6;

// By how much chance alone makes n log n, summed over the bins of a level, more than if each bin had `mean` values, for
// each bin. Fitted, to within 3 %, to what a Poisson distribution without zero gives; for many values it is the half of
// Miller 1955, "Note on the Bias of Information Estimates".
double ExpectedNoise(double mean) {
  constexpr double kLimit = 0.5;
  constexpr double kRate = 0.8;
  constexpr double kMany = 10;
  return mean > kMany ? kLimit : kLimit * (1 - std::exp(-kRate * (mean - 1)));
}

class Divergence {
 public:
  Divergence(const Histogram& histogram, int levels)
      : bins_(histogram.bins()), width_(histogram.bin_width()), levels_(levels), sums_(Histogram::kBins + 1) {
    for (size_t i = 0; i < Histogram::kBins; ++i) {
      const auto n = static_cast<double>(bins_[i]);
      sums_[i + 1] = {sums_[i].n + n, sums_[i].information + (n > 0 ? n * std::log(n) : 0),
                      sums_[i].occupied + (n > 0 ? 1 : 0)};
    }
  }

  double Of(double min, double max) const {
    const double scale = (max - min) / (levels_ - 1);
    const double zero_point = std::nearbyint(-min / scale);
    const int first = Edge((-zero_point - 0.5) * scale);
    const int last = Edge((levels_ - zero_point - 0.5) * scale);
    const double total = sums_.back().n;
    const double below = At(first).n;
    const double above = total - At(last).n;
    const double inside = total - below - above;
    if (inside <= 0 || last - first < 2) return kRuledOut;

    double modelled = 0;
    int begin = first;
    for (int level = 0; level < levels_; ++level) {
      const bool is_last = level == levels_ - 1;
      const int limit = std::clamp(Edge((level - zero_point + 0.5) * scale), first + 1, last - 1);
      const int end = is_last ? last : limit;
      const double added = (level == 0 ? below : 0) + (is_last ? above : 0);
      const double n = At(end).n - At(begin).n;
      if (n > 0) {
        int occupied = At(end).occupied - At(begin).occupied;
        if (level == 0 && below > 0 && bins_[static_cast<size_t>(first)] == 0) ++occupied;
        if (is_last && above > 0 && bins_[static_cast<size_t>(last) - 1] == 0) ++occupied;
        modelled += (n + added) * std::log(n / occupied) + (occupied - 1) * ExpectedNoise(n / occupied);
      } else if (added > 0) {
        return kRuledOut;
      }
      begin = end;
    }
    const double observed = At(last).information - At(first).information + Moved(first, below) + Moved(last - 1, above);
    return (observed - modelled) / total + std::log(inside / total);
  }

  // The end nearest to zero that still has all values between zero and `end` inside: ends in a gap are the same.
  double WithoutGap(double end) const {
    if (end == 0) return 0;
    if (end < 0) {
      int bin = std::min(Edge(end), kHalf - 1);
      while (bin < kHalf - 1 && bins_[static_cast<size_t>(bin)] == 0) ++bin;
      return std::max(end, (bin - kHalf) * width_);
    }
    int bin = std::max(Edge(end) - 1, kHalf);
    while (bin > kHalf && bins_[static_cast<size_t>(bin)] == 0) --bin;
    return std::min(end, (bin + 1 - kHalf) * width_);
  }

 private:
  // Over the bins before one.
  struct Sums {
    double n = 0;
    double information = 0;
    int occupied = 0;
  };

  const Sums& At(int bin) const { return sums_[static_cast<size_t>(bin)]; }

  // The bin that begins nearest to `x`.
  int Edge(double x) const {
    return static_cast<int>(std::clamp(x / width_ + kHalf + 0.5, 0.0, static_cast<double>(Histogram::kBins)));
  }

  // What `count` values more in a bin add to the sum of n log n.
  double Moved(int bin, double count) const {
    if (count <= 0) return 0;
    const auto n = static_cast<double>(bins_[static_cast<size_t>(bin)]);
    return (n + count) * std::log(n + count) - (n > 0 ? n * std::log(n) : 0);
  }

  absl::Span<const uint64_t> bins_;
  double width_;
  int levels_;
  std::vector<Sums> sums_;
};

class RangeSearch {
 public:
  RangeSearch(const Divergence& divergence, const Range& whole)
      : divergence_(divergence), min_(whole.min), max_(whole.max), least_(divergence.Of(min_, max_)) {}

  // Tries smaller ranges: first in their proportions, then the ends by turns.
  Range Run() {
    const double whole_min = min_;
    const double whole_max = max_;
    for (int i = 1; i < kSteps; ++i) Try(whole_min * std::pow(kStep, i), whole_max * std::pow(kStep, i));
    if (whole_min < 0 && whole_max > 0) {
      for (int i = 0; i < kSteps; ++i) Try(min_, whole_max * std::pow(kStep, i));
      for (int i = 0; i < kSteps; ++i) Try(whole_min * std::pow(kStep, i), max_);
    }
    const double max = max_;
    for (int i = -kFineSteps; i <= kFineSteps; ++i) {
      Try(min_, std::min(whole_max, max * std::pow(kStep, static_cast<double>(i) / kFineSteps)));
    }
    const double min = min_;
    for (int i = -kFineSteps; i <= kFineSteps; ++i) {
      Try(std::max(whole_min, min * std::pow(kStep, static_cast<double>(i) / kFineSteps)), max_);
    }
    return {static_cast<float>(min_), static_cast<float>(max_)};
  }

 private:
  void Try(double min, double max) {
    min = divergence_.WithoutGap(min);
    max = divergence_.WithoutGap(max);
    const double divergence = max > min ? divergence_.Of(min, max) : kRuledOut;
    if (divergence >= least_) return;
    least_ = divergence;
    min_ = min;
    max_ = max;
  }

  const Divergence& divergence_;
  double min_;
  double max_;
  double least_;
};

}  // namespace

Range EntropyRange(const Histogram& histogram, int levels) {
  const Range whole = MinMaxRange(histogram);
  const double step = (static_cast<double>(whole.max) - whole.min) / (levels - 1.0);
  if (histogram.bins().empty() || step < histogram.bin_width()) return whole;
  const Divergence divergence(histogram, levels);
  return RangeSearch(divergence, whole).Run();
}

}  // namespace joinery::compiler
