#include "compiler/calibration/histogram.h"

#include <algorithm>
#include <array>
#include <cmath>
#include <limits>

namespace joinery::compiler {
namespace {

constexpr int kHalf = Histogram::kBins / 2;
// Small enough that a block's indices stay in the first-level cache.
constexpr size_t kBlock = 1024;
// Lies in no bin.
constexpr float kOutside = -kHalf - 1.0F;
// Below it, scaling a value by the inverse width would leave the range of a float.
constexpr int kSmallestExponent = -120;

struct Extremes {
  float min = std::numeric_limits<float>::infinity();
  float max = -std::numeric_limits<float>::infinity();
  int64_t zeros = 0;
  int64_t not_finite = 0;
};

Extremes FindExtremes(absl::Span<const float> values) {
  constexpr float kLargest = std::numeric_limits<float>::max();
  Extremes extremes;
  int64_t zeros = 0;
  int64_t finite = 0;
  float min = extremes.min;
  float max = extremes.max;
  for (const float value : values) {
    const bool is_finite = std::fabs(value) <= kLargest;  // False for NaN.
    const float counted = is_finite ? value : 0.0F;
    finite += is_finite ? 1 : 0;
    zeros += value == 0.0F ? 1 : 0;
    min = counted < min ? counted : min;
    max = counted > max ? counted : max;
  }
  return {min, max, zeros, static_cast<int64_t>(values.size()) - finite};
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

void Histogram::Add(absl::Span<const float> values) {
  if (values.empty()) return;
  const Extremes extremes = FindExtremes(values);
  not_finite_ += extremes.not_finite;
  const int64_t finite = static_cast<int64_t>(values.size()) - extremes.not_finite;
  if (finite == 0) return;
  min_ = count_ == 0 ? extremes.min : std::min(min_, extremes.min);
  max_ = count_ == 0 ? extremes.max : std::max(max_, extremes.max);
  count_ += finite;
  zeros_ += extremes.zeros;
  const float largest = std::max(-extremes.min, extremes.max);
  if (largest <= 0.0F) return;
  WidenTo(ExponentFor(largest));

  const float inverse_width = std::ldexp(1.0F, -exponent_);
  std::array<int32_t, kBlock> index;
  for (size_t begin = 0; begin < values.size(); begin += kBlock) {
    const size_t count = std::min(kBlock, values.size() - begin);
    const float* block = values.data() + begin;
    for (size_t i = 0; i < count; ++i) {
      // Exact: the factor is a power of two. Truncation rounds towards zero, so negative values step down by one.
      const float exact = block[i] * inverse_width;
      const float scaled = std::fabs(exact) <= kHalf ? exact : kOutside;  // What is not finite.
      const auto truncated = static_cast<int32_t>(scaled);
      index[i] = truncated - (static_cast<float>(truncated) > scaled ? 1 : 0) + kHalf;
    }
    for (size_t i = 0; i < count; ++i) {
      if (static_cast<uint32_t>(index[i]) < static_cast<uint32_t>(kBins)) ++bins_[static_cast<size_t>(index[i])];
    }
  }
  bins_[kHalf] -= static_cast<uint64_t>(extremes.zeros);
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
      const int halved = (from_zero - (from_zero & 1)) / 2;
      merged[static_cast<size_t>(halved + kHalf)] += bins_[static_cast<size_t>(i)];
    }
    bins_ = std::move(merged);
  }
}

}  // namespace joinery::compiler
