#include "compiler/calibration/range_least_squares.h"

#include <algorithm>
#include <limits>
#include <vector>

#include "compiler/calibration/range_min_max.h"

namespace joinery::compiler {
namespace {

// How many ends each side of the range is tried with, and how many parts the steps around the best are divided into.
constexpr int kSteps = 128;
constexpr int kFineSteps = 16;

// The values on one side of zero, by sums over the bins from the outside in.
class Side {
 public:
  // `sign` 1 for the values above zero, -1 for those below.
  Side(const Histogram& histogram, int sign) : width_(histogram.bin_width()), sums_(kHalf + 1) {
    const absl::Span<const uint64_t> bins = histogram.bins();
    if (bins.empty()) return;
    for (int i = kHalf - 1; i >= 0; --i) {
      const auto n = static_cast<double>(bins[static_cast<size_t>(sign > 0 ? kHalf + i : kHalf - 1 - i)]);
      const double x = (i + 0.5) * width_;
      const Sums& outer = sums_[static_cast<size_t>(i) + 1];
      sums_[static_cast<size_t>(i)] = {outer.n + n, outer.x + n * x, outer.xx + n * x * x};
    }
  }

  struct CutOff {
    double count = 0;
    double squared_distance = 0;
  };

  // What lies beyond `end` >= 0: values whose bin's centre does.
  CutOff Beyond(double end) const {
    const auto bin = static_cast<size_t>(std::max(0.0, end / width_ + 0.5));
    const Sums& sums = sums_[std::min(bin, sums_.size() - 1)];
    return {sums.n, std::max(0.0, sums.xx - 2 * end * sums.x + end * end * sums.n)};
  }

 private:
  static constexpr int kHalf = Histogram::kBins / 2;

  struct Sums {
    double n = 0;
    double x = 0;
    double xx = 0;
  };

  double width_;
  std::vector<Sums> sums_;
};

// A place where one side of the range may end.
struct End {
  double at = 0;
  Side::CutOff cut_off;
};

// The ends of one side that lie `first` to `last` steps inside of `extreme` >= 0, each step the `num_steps`th part of
// it.
std::vector<End> EndsOf(const Side& side, double extreme, int first, int last, int num_steps) {
  std::vector<End> ends;
  if (extreme <= 0) return {End{}};
  for (int i = std::max(first, 0); i <= std::min(last, num_steps - 1); ++i) {
    const double at = extreme * (num_steps - i) / num_steps;
    // What lies beyond the largest value is only its bin's width.
    ends.push_back({at, i == 0 ? Side::CutOff{} : side.Beyond(at)});
  }
  return ends;
}

struct Best {
  double below = 0;
  double above = 0;
  double error = std::numeric_limits<double>::infinity();
};

// What the error of a value counts: of those above zero 1, of those below `weight`.
struct Sides {
  double num_below;
  double num_above;
  double weight;
};

void Search(const std::vector<End>& below, const std::vector<End>& above, const Sides& sides, int levels, Best& best) {
  const double squared_step = 1.0 / (levels - 1.0) / (levels - 1.0);
  for (const End& upper : above) {
    const double inside_above = sides.num_above - upper.cut_off.count;
    for (const End& lower : below) {
      const double span = upper.at + lower.at;
      const double inside = inside_above + sides.weight * (sides.num_below - lower.cut_off.count);
      const double cut_off = upper.cut_off.squared_distance + sides.weight * lower.cut_off.squared_distance;
      const double error = inside * span * span * squared_step / 12 + cut_off;
      if (error < best.error) best = {lower.at, upper.at, error};
    }
  }
}

}  // namespace

Range LeastSquaresRange(const Histogram& histogram, int levels, double weight_below) {
  const Range whole = MinMaxRange(histogram);
  const double lowest = -static_cast<double>(whole.min);
  const double highest = whole.max;
  const Side below(histogram, -1);
  const Side above(histogram, 1);
  // Zero is exact in every range.
  const Sides sides{below.Beyond(0).count, above.Beyond(0).count, weight_below};

  Best best;
  Search(EndsOf(below, lowest, 0, kSteps, kSteps), EndsOf(above, highest, 0, kSteps, kSteps), sides, levels, best);
  const auto around = [](const Side& side, double extreme, double found) {
    const int steps = kSteps * kFineSteps;
    const int center = extreme > 0 ? static_cast<int>((1 - found / extreme) * steps + 0.5) : 0;
    return EndsOf(side, extreme, center - kFineSteps, center + kFineSteps, steps);
  };
  Search(around(below, lowest, best.below), around(above, highest, best.above), sides, levels, best);
  return {static_cast<float>(0 - best.below), static_cast<float>(best.above)};
}

}  // namespace joinery::compiler
