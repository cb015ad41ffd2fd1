#include "compiler/calibration/channel_statistics.h"

#include <algorithm>
#include <array>
#include <cmath>
#include <cstring>
#include <limits>

namespace joinery::compiler {
namespace {

constexpr int kHalf = ChannelStatistics::kBins / 2;
constexpr int kSmallestExponent = -120;
constexpr size_t kLanes = 8;
// Summed as floats before they are added as doubles.
constexpr size_t kBlock = 512;
// Counted at a time.
constexpr int64_t kChunk = 64;

struct Row {
  float min = std::numeric_limits<float>::infinity();
  float max = -std::numeric_limits<float>::infinity();
  double sum = 0;
  double sum_of_squares = 0;
  int64_t not_finite = 0;
};

void AddValue(float value, Row& row) {
  if (!std::isfinite(value)) {
    ++row.not_finite;
    return;
  }
  row.min = std::min(row.min, value);
  row.max = std::max(row.max, value);
  row.sum += value;
  row.sum_of_squares += static_cast<double>(value) * value;
}

// Sanitizers cannot follow the choice between the versions, which is made before they start.
#if defined(__x86_64__) && !defined(__SANITIZE_ADDRESS__) && !defined(__SANITIZE_THREAD__)
#define JOINERY_WIDE_VECTORS __attribute__((target_clones("default", "avx2")))
#else
#define JOINERY_WIDE_VECTORS
#endif

// Independent lanes, so that the compiler can work on several values at once; all versions add in the same order.
// Returns false, with `row` unchanged, if a value is not finite.
JOINERY_WIDE_VECTORS bool AddFiniteBlock(const float* values, size_t count, Row& row) {
  using Lanes = float __attribute__((vector_size(kLanes * sizeof(float))));
  const Lanes none = {};
  Lanes min = none + row.min;
  Lanes max = none + row.max;
  Lanes sum = none;
  Lanes squares = none;
  // Not a number once a value is not finite.
  Lanes zero = none;
  for (size_t i = 0; i + kLanes <= count; i += kLanes) {
    Lanes value;
    std::memcpy(&value, values + i, sizeof(value));
    min = value < min ? value : min;
    max = value > max ? value : max;
    sum += value;
    squares += value * value;
    zero += value - value;
  }
  Row added = row;
  for (size_t lane = 0; lane < kLanes; ++lane) {
    if (zero[lane] != 0) return false;
    added.min = std::min(added.min, min[lane]);
    added.max = std::max(added.max, max[lane]);
    added.sum += sum[lane];
    added.sum_of_squares += squares[lane];
  }
  row = added;
  return true;
}

void AddContiguous(const float* values, size_t count, Row& row) {
  size_t i = 0;
  while (i + kLanes <= count) {
    const size_t block = std::min(kBlock, (count - i) / kLanes * kLanes);
    if (!AddFiniteBlock(values + i, block, row)) {
      for (size_t j = i; j < i + block; ++j) AddValue(values[j], row);
    }
    i += block;
  }
  for (; i < count; ++i) AddValue(values[i], row);
}

int ExponentFor(float largest, bool is_signed) {
  // Bins that become signed become twice as wide, and must then be as wide as if they had been signed from the start.
  const int smallest = is_signed ? kSmallestExponent : kSmallestExponent - 1;
  if (largest == 0) return smallest;
  int exponent = 0;
  std::frexp(largest, &exponent);
  return std::max(exponent - static_cast<int>(std::log2(is_signed ? kHalf : ChannelStatistics::kBins)), smallest);
}

}  // namespace

void ChannelSums::Add(const ChannelSums& other) {
  if (sum.empty()) {
    *this = other;
    return;
  }
  for (size_t i = 0; i < sum.size(); ++i) {
    sum[i] += other.sum[i];
    sum_of_squares[i] += other.sum_of_squares[i];
    peak[i] += other.peak[i];
  }
  count += other.count;
  min = std::min(min, other.min);
  max = std::max(max, other.max);
}

ChannelStatistics::ChannelStatistics(int64_t channels) {
  const auto size = static_cast<size_t>(channels);
  min_.resize(size);
  max_.resize(size);
  zeros_.resize(size);
  exponent_.assign(size, std::numeric_limits<int>::min());
  is_signed_.resize(size);
  bins_.resize(size * kBins);
}

ChannelSums ChannelStatistics::Add(absl::Span<const float> values, int64_t outer, int64_t inner, int64_t turn,
                                   int64_t turns) {
  const int64_t channels = this->channels();
  ChannelSums sums;
  sums.sum.resize(min_.size());
  sums.sum_of_squares.resize(min_.size());
  sums.peak.resize(min_.size());
  sums.count = outer * inner;
  if (values.empty()) return sums;
  const int64_t positions = std::max(kCounted / std::max<int64_t>(channels, 1), kFewestPositions);
  // An odd step does not keep to the same columns of a picture.
  const int64_t step = std::max<int64_t>(1, outer * inner / positions) | (outer * inner >= 2 * positions ? 1 : 0);
  for (int64_t c = 0; c < channels; ++c) {
    const auto channel = static_cast<size_t>(c);
    Row row;
    for (int64_t o = 0; o < outer; ++o) {
      AddContiguous(values.data() + (o * channels + c) * inner, static_cast<size_t>(inner), row);
    }
    not_finite_ += row.not_finite;
    if (row.min > row.max) continue;
    sums.sum[channel] = row.sum;
    sums.sum_of_squares[channel] = row.sum_of_squares;
    sums.peak[channel] = std::max(-row.min, row.max);
    sums.min = std::min(sums.min, row.min);
    sums.max = std::max(sums.max, row.max);
    const bool is_first = exponent_[channel] == std::numeric_limits<int>::min();
    min_[channel] = is_first ? row.min : std::min(min_[channel], row.min);
    max_[channel] = is_first ? row.max : std::max(max_[channel], row.max);
    Widen(channel, row.min, row.max);
    if (c % turns != turn) continue;
    if (inner == 1) {
      Count(channel, values.data() + c, (outer + step - 1) / step, channels * step);
      continue;
    }
    for (int64_t o = 0; o < outer; ++o) {
      Count(channel, values.data() + (o * channels + c) * inner, (inner + step - 1) / step, step);
    }
  }
  return sums;
}

void ChannelStatistics::Count(size_t channel, const float* values, int64_t count, int64_t stride) {
  const float inverse_width = std::ldexp(1.0F, -exponent_[channel]);
  const int zero_bin = is_signed_[channel] ? kHalf : 0;
  uint32_t* bins = bins_.data() + channel * kBins;
  int64_t zeros = 0;
  int64_t not_finite = 0;
  std::array<float, kChunk> chunk;
  std::array<int, kChunk> index;
  for (int64_t begin = 0; begin < count; begin += kChunk) {
    const int64_t size = std::min<int64_t>(kChunk, count - begin);
    for (int64_t i = 0; i < size; ++i) chunk[static_cast<size_t>(i)] = values[(begin + i) * stride];
    // Apart from the counting, which goes where the values say, so that this can work on several at once.
    for (size_t i = 0; i < static_cast<size_t>(size); ++i) {
      zeros += chunk[i] == 0 ? 1 : 0;
      // Exact: the factor is a power of two. Truncation rounds towards zero, so negative values step down by one.
      const float exact = chunk[i] * inverse_width;
      const bool is_finite = std::fabs(exact) < kBins;
      not_finite += is_finite ? 0 : 1;
      const float scaled = is_finite ? exact : 0.0F;
      const auto truncated = static_cast<int>(scaled);
      index[i] = truncated - (static_cast<float>(truncated) > scaled ? 1 : 0) + zero_bin;
    }
    for (size_t i = 0; i < static_cast<size_t>(size); ++i) ++bins[index[i]];
  }
  bins[zero_bin] -= static_cast<uint32_t>(not_finite);
  zeros_[channel] += zeros;
}

void ChannelStatistics::Widen(size_t channel, float min, float max) {
  const bool is_signed = is_signed_[channel] || min < 0;
  WidenTo(channel, ExponentFor(std::max(-min, max), is_signed), is_signed);
}

void ChannelStatistics::WidenTo(size_t channel, int exponent, bool is_signed) {
  int& now = exponent_[channel];
  if (now == std::numeric_limits<int>::min()) {
    now = exponent;
    is_signed_[channel] = is_signed;
    return;
  }
  if (is_signed && !is_signed_[channel]) {
    // Twice as wide, the bins from zero up fit into the upper half.
    Halve(channel);
    uint32_t* bins = bins_.data() + channel * kBins;
    std::move(bins, bins + kHalf, bins + kHalf);
    std::fill(bins, bins + kHalf, 0);
    is_signed_[channel] = true;
  }
  while (now < exponent) Halve(channel);
}

// Doubles the bins' width: two neighbours become one, and those from zero up stay from zero up.
void ChannelStatistics::Halve(size_t channel) {
  uint32_t* bins = bins_.data() + channel * kBins;
  std::array<uint32_t, kBins> merged{};
  const int zero_bin = is_signed_[channel] ? kHalf : 0;
  for (int i = 0; i < kBins; ++i) {
    const int from_zero = i - zero_bin;
    const int halved = zero_bin + (from_zero - (from_zero & 1)) / 2;
    merged[static_cast<size_t>(halved)] += bins[i];
  }
  std::copy(merged.begin(), merged.end(), bins);
  ++exponent_[channel];
}

void ChannelStatistics::Merge(const ChannelStatistics& other) {
  not_finite_ += other.not_finite_;
  ChannelStatistics widened = other;
  for (size_t channel = 0; channel < min_.size(); ++channel) {
    if (widened.exponent_[channel] == std::numeric_limits<int>::min()) continue;
    const bool is_first = exponent_[channel] == std::numeric_limits<int>::min();
    min_[channel] = is_first ? other.min_[channel] : std::min(min_[channel], other.min_[channel]);
    max_[channel] = is_first ? other.max_[channel] : std::max(max_[channel], other.max_[channel]);
    zeros_[channel] += other.zeros_[channel];
    if (is_signed_[channel] && !is_first) widened.WidenTo(channel, exponent_[channel], true);
    if (!is_first) widened.WidenTo(channel, exponent_[channel], widened.is_signed_[channel]);
    WidenTo(channel, widened.exponent_[channel], widened.is_signed_[channel]);
    // Becoming signed may have made these wider still.
    widened.WidenTo(channel, exponent_[channel], is_signed_[channel]);
    for (size_t bin = 0; bin < kBins; ++bin) bins_[channel * kBins + bin] += widened.bins_[channel * kBins + bin];
  }
}

Histogram ChannelStatistics::Merged(absl::Span<const float> factors) const {
  std::vector<Histogram::Interval> intervals;
  float min = 0;
  float max = 0;
  int64_t zeros = 0;
  for (size_t channel = 0; channel < min_.size(); ++channel) {
    if (exponent_[channel] == std::numeric_limits<int>::min()) continue;
    const float factor = factors.empty() ? 1 : factors[channel];
    min = std::min(min, min_[channel] * factor);
    max = std::max(max, max_[channel] * factor);
    zeros += zeros_[channel];
    const double width = std::ldexp(1.0, exponent_[channel]);
    const int zero_bin = is_signed_[channel] ? kHalf : 0;
    for (int bin = 0; bin < kBins; ++bin) {
      int64_t count = bins_[channel * kBins + static_cast<size_t>(bin)];
      if (bin == zero_bin) count -= zeros_[channel];
      if (count <= 0) continue;
      const double low = std::max<double>((bin - zero_bin) * width, min_[channel]);
      const double high = std::min<double>((bin - zero_bin + 1) * width, max_[channel]);
      intervals.push_back({low * factor, std::max(low, high) * factor, count});
    }
  }
  return Histogram::FromIntervals(intervals, min, max, zeros);
}

}  // namespace joinery::compiler
