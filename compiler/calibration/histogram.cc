#include "compiler/calibration/histogram.h"

#include <algorithm>
#include <array>
#include <bit>
#include <cmath>
#include <limits>

namespace joinery::compiler {
namespace {

constexpr int kHalf = Histogram::kBins / 2;
// Small enough that a block's indices stay in the first-level cache.
constexpr size_t kBlock = 1024;
// Its index is kBins: in no bin.
constexpr float kOutside = kHalf;
constexpr size_t kTurns = 4;
// Below it, scaling a value by the inverse width would leave the range of a float.
constexpr int kSmallestExponent = -120;

struct Extremes {
  float min = 0;
  float max = 0;
  int64_t zeros = 0;
  int64_t not_finite = 0;
};

// The bits of a float as a whole number that has the same order; and back.
int32_t ToOrdered(uint32_t bits) {
  const auto number = static_cast<int32_t>(bits);
  return number ^ ((number >> 31) & 0x7fffffff);
}
float FromOrdered(int32_t ordered) { return std::bit_cast<float>(ordered ^ ((ordered >> 31) & 0x7fffffff)); }

// Of the values that are finite; there must be one. On whole numbers, because compilers vectorize their minimum and
// maximum, those of floats not.
Extremes FindExtremes(absl::Span<const float> values) {
  constexpr uint32_t kMagnitude = 0x7fffffff;
  constexpr uint32_t kLargestFinite = 0x7f7fffff;
  int32_t min = std::numeric_limits<int32_t>::max();
  int32_t max = std::numeric_limits<int32_t>::min();
  Extremes extremes;
  for (size_t begin = 0; begin < values.size(); begin += kBlock) {
    const float* block = values.data() + begin;
    const size_t count = std::min(kBlock, values.size() - begin);
    int32_t zeros = 0;
    int32_t not_finite = 0;
    for (size_t i = 0; i < count; ++i) {
      const auto bits = std::bit_cast<uint32_t>(block[i]);
      const uint32_t magnitude = bits & kMagnitude;
      const bool is_finite = magnitude <= kLargestFinite;
      const int32_t ordered = ToOrdered(bits);
      zeros += magnitude == 0 ? 1 : 0;
      not_finite += is_finite ? 0 : 1;
      const int32_t low = is_finite ? ordered : std::numeric_limits<int32_t>::max();
      const int32_t high = is_finite ? ordered : std::numeric_limits<int32_t>::min();
      min = low < min ? low : min;
      max = high > max ? high : max;
    }
    extremes.zeros += zeros;
    extremes.not_finite += not_finite;
  }
  extremes.min = FromOrdered(min);
  extremes.max = FromOrdered(max);
  return extremes;
}

// The smallest exponent with which `largest` lies in a bin.
int ExponentFor(float largest) {
  // largest < 2^exponent(frexp); bins reach to kHalf * 2^exponent.
  int exponent = 0;
  std::frexp(largest, &exponent);
  return std::max(exponent - static_cast<int>(std::log2(kHalf)), kSmallestExponent);
}

}  // namespace

double Histogram::bin_width() const { return std::ldexp(1.0, exponent_); }

void Histogram::Add(absl::Span<const float> values) { AddSparsely(values, 1); }

void Histogram::AddSparsely(absl::Span<const float> values, size_t step) {
  if (values.empty()) return;
  const Extremes extremes = FindExtremes(values);
  not_finite_ += extremes.not_finite;
  if (extremes.not_finite == static_cast<int64_t>(values.size())) return;
  min_ = count_ == 0 ? extremes.min : std::min(min_, extremes.min);
  max_ = count_ == 0 ? extremes.max : std::max(max_, extremes.max);
  std::vector<float> some;
  Extremes counted = extremes;
  if (step > 1) {
    some.reserve(values.size() / step + 1);
    for (size_t i = 0; i < values.size(); i += step) some.push_back(values[i]);
    counted = FindExtremes(some);
    values = some;
  }
  count_ += static_cast<int64_t>(values.size()) - counted.not_finite;
  zeros_ += counted.zeros;
  const float largest = std::max(-extremes.min, extremes.max);
  if (largest <= 0.0F) return;
  WidenTo(ExponentFor(largest));

  Count(values);
  bins_[kHalf] -= static_cast<uint64_t>(counted.zeros);
}

Histogram Histogram::FromIntervals(absl::Span<const Interval> intervals, float min, float max, int64_t zeros) {
  Histogram histogram;
  histogram.min_ = min;
  histogram.max_ = max;
  histogram.zeros_ = zeros;
  histogram.count_ = zeros;
  const float largest = std::max(-min, max);
  if (largest <= 0.0F) return histogram;
  histogram.WidenTo(ExponentFor(largest));
  const double width = histogram.bin_width();
  const auto bin_of = [&](double value) {
    return static_cast<size_t>(std::clamp(static_cast<int>(std::floor(value / width)) + kHalf, 0, kBins - 1));
  };
  // What every bin from here on has more than the one before: an interval costs two steps, however many bins it spans.
  std::vector<int64_t> more(kBins + 1);
  for (const Interval& interval : intervals) {
    histogram.count_ += interval.count;
    const size_t first = bin_of(interval.low);
    // What ends where a bin begins has nothing in that bin.
    const size_t last = std::max(first, bin_of(std::nextafter(interval.high, interval.low)));
    const auto bins = static_cast<int64_t>(last - first + 1);
    more[first] += interval.count / bins;
    more[last + 1] -= interval.count / bins;
    histogram.bins_[(first + last) / 2] += static_cast<uint64_t>(interval.count % bins);
  }
  int64_t each = 0;
  for (size_t bin = 0; bin < kBins; ++bin) {
    each += more[bin];
    histogram.bins_[bin] += static_cast<uint64_t>(each);
  }
  return histogram;
}

void Histogram::Count(absl::Span<const float> values) {
  const float inverse_width = std::ldexp(1.0F, -exponent_);
  // Neighbouring values often fall into one bin, and each increment would wait for the one before: they take turns. The
  // last place is for what lies in no bin.
  std::array<std::vector<uint32_t>, kTurns> turns;
  for (std::vector<uint32_t>& turn : turns) turn.assign(kBins + 1, 0);
  std::array<int32_t, kBlock> index;
  for (size_t begin = 0; begin < values.size(); begin += kBlock) {
    const size_t count = std::min(kBlock, values.size() - begin);
    const float* block = values.data() + begin;
    for (size_t i = 0; i < count; ++i) {
      // Exact: the factor is a power of two. Truncation rounds towards zero, so negative values step down by one.
      const float exact = block[i] * inverse_width;
      const float scaled = std::fabs(exact) < kHalf ? exact : kOutside;  // What is not finite.
      const auto truncated = static_cast<int32_t>(scaled);
      index[i] = truncated - (static_cast<float>(truncated) > scaled ? 1 : 0) + kHalf;
    }
    size_t i = 0;
    for (; i + kTurns <= count; i += kTurns) {
      for (size_t turn = 0; turn < kTurns; ++turn) ++turns[turn][static_cast<size_t>(index[i + turn])];
    }
    for (; i < count; ++i) ++turns[0][static_cast<size_t>(index[i])];
  }
  for (const std::vector<uint32_t>& turn : turns) {
    for (size_t bin = 0; bin < bins_.size(); ++bin) bins_[bin] += turn[bin];
  }
}

void Histogram::Merge(const Histogram& other) {
  not_finite_ += other.not_finite_;
  if (other.count_ == 0) return;
  min_ = count_ == 0 ? other.min_ : std::min(min_, other.min_);
  max_ = count_ == 0 ? other.max_ : std::max(max_, other.max_);
  count_ += other.count_;
  zeros_ += other.zeros_;
  if (other.bins_.empty()) return;
  Histogram widened = other;
  if (!bins_.empty()) widened.WidenTo(exponent_);
  WidenTo(widened.exponent_);
  for (size_t i = 0; i < bins_.size(); ++i) bins_[i] += widened.bins_[i];
}

void Histogram::WidenTo(int exponent) {
  if (bins_.empty()) {
    bins_.assign(kBins, 0);
    exponent_ = exponent;
    return;
  }
  for (; exponent_ < exponent; ++exponent_) {
    std::vector<uint64_t> merged(kBins, 0);
    for (int i = 0; i < kBins; ++i) {
      const int from_zero = i - kHalf;
      // Halved and rounded down, as the position of a value in bins twice as wide.
      const int halved = kHalf + (from_zero - (from_zero & 1)) / 2;
      merged[static_cast<size_t>(halved)] += bins_[static_cast<size_t>(i)];
    }
    bins_ = std::move(merged);
  }
}

}  // namespace joinery::compiler
