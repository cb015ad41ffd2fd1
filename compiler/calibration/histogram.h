// What calibration remembers of an activation: how often which values occur, in a space that does not grow.
#pragma once

#include <cstdint>
#include <vector>

#include "absl/types/span.h"

namespace joinery::compiler {

// Counts values in bins of equal width on both sides of zero. The width is a power of two and doubles when a value lies
// outside; two neighbours then become one, exactly. So the result depends only on which values were added, not on their
// order nor on how they were spread over histograms that were merged: threads may share the work and the bytes written
// later stay the same.
//
// Values that are exactly zero are counted apart, because quantization represents them without error. Values that are
// not finite are counted and otherwise left out. Not thread-safe.
class Histogram {
 public:
  static constexpr int kBins = 8192;

  // Values that were counted elsewhere: `count` of them, not zero, spread evenly from `low` to `high`.
  struct Interval {
    double low;
    double high;
    int64_t count;
  };

  // `min` and `max` are the smallest and the largest value; all intervals and zero lie between them.
  static Histogram FromIntervals(absl::Span<const Interval> intervals, float min, float max, int64_t zeros);

  void Add(absl::Span<const float> values);
  // The same, but only every `step`th value is counted in the bins; extremes and values that are not finite are those
  // of all.
  void AddSparsely(absl::Span<const float> values, size_t step);
  void Merge(const Histogram& other);

  // Values added that are finite.
  int64_t count() const { return count_; }
  int64_t zeros() const { return zeros_; }
  int64_t not_finite() const { return not_finite_; }
  // The smallest and largest value; 0 if there is none.
  float min() const { return count_ == 0 ? 0 : min_; }
  float max() const { return count_ == 0 ? 0 : max_; }

  // Of one bin. Bin i counts the values in [(i - kBins / 2) * bin_width(), (i + 1 - kBins / 2) * bin_width()) that are
  // not zero.
  double bin_width() const;
  absl::Span<const uint64_t> bins() const { return bins_; }

 private:
  // Adds to the bins, which must reach to the largest of `values`.
  void Count(absl::Span<const float> values);
  // Doubles the width until it is 2^exponent.
  void WidenTo(int exponent);

  int64_t count_ = 0;
  int64_t zeros_ = 0;
  int64_t not_finite_ = 0;
  float min_ = 0;
  float max_ = 0;
  int exponent_ = 0;
  // Empty until the first value that is not zero.
  std::vector<uint64_t> bins_;
};

}  // namespace joinery::compiler
