// What calibration remembers of each channel of an activation, so that channels can be scaled after they were seen.
#pragma once

#include <cstdint>
#include <vector>

#include "absl/types/span.h"
#include "compiler/calibration/histogram.h"

namespace joinery::compiler {

// What is summed over one sample, a value for each channel. Sums depend on the order of their terms, so whoever shares
// the work among threads adds them up in the order of the samples.
struct ChannelSums {
  std::vector<double> sum;
  std::vector<double> sum_of_squares;
  // The largest magnitude.
  std::vector<double> peak;
  // Values, of each channel.
  int64_t count = 0;
  // Of all channels, and zero.
  float min = 0;
  float max = 0;

  void Add(const ChannelSums& other);
};

// Extremes and distribution of each channel. The latter is counted in kBins bins of a power-of-two width that doubles
// as it must, as in Histogram, and from a part of the positions where a channel has many. Not thread-safe.
class ChannelStatistics {
 public:
  static constexpr int kBins = 256;
  // Values of a tensor that are counted for each sample, about, and values of one channel at the least.
  static constexpr int64_t kCounted = 8192;
  static constexpr int64_t kFewestPositions = 32;

  explicit ChannelStatistics(int64_t channels = 0);

  // `values` as [outer, channels, inner]. The distribution is counted of every `turns`th channel only, beginning with
  // channel `turn`: with many samples, each can leave some of the work to the others.
  ChannelSums Add(absl::Span<const float> values, int64_t outer, int64_t inner, int64_t turn = 0, int64_t turns = 1);
  void Merge(const ChannelStatistics& other);

  int64_t channels() const { return static_cast<int64_t>(min_.size()); }
  // 0 where nothing was seen.
  float min(int64_t channel) const { return min_[static_cast<size_t>(channel)]; }
  float max(int64_t channel) const { return max_[static_cast<size_t>(channel)]; }
  int64_t not_finite() const { return not_finite_; }

  // What the histogram of the whole tensor would be if every channel had been multiplied by its factor (> 0). Values
  // are spread evenly over the bin they were counted in.
  Histogram Merged(absl::Span<const float> factors) const;

 private:
  void Count(size_t channel, const float* values, int64_t count, int64_t stride);
  // Makes room for values from `min` to `max` in the channel's bins.
  void Widen(size_t channel, float min, float max);
  void WidenTo(size_t channel, int exponent, bool is_signed);
  void Halve(size_t channel);

  std::vector<float> min_;
  std::vector<float> max_;
  int64_t not_finite_ = 0;
  std::vector<int64_t> zeros_;
  // Of one bin's width.
  std::vector<int> exponent_;
  // Whether bin kBins / 2 begins at zero, or else bin 0.
  std::vector<bool> is_signed_;
  std::vector<uint32_t> bins_;
};

}  // namespace joinery::compiler
