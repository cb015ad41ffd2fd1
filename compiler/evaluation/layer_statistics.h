// Sums over three versions of a tensor: float, isolated and quantized (see side_by_side.h).
#pragma once

#include <cstdint>
#include <limits>
#include <vector>

#include "absl/types/span.h"

namespace joinery::compiler {

// What values to count, and how.
struct StatisticsOptions {
  // The values that the number format holds; those of the isolated tensor beyond them are cut off.
  bool has_range = false;
  float low = 0;
  float high = 0;
  // Whether to keep the largest magnitude for each index of dimension 1.
  bool by_channel = false;
};

// Energies are sums of squares. Not thread-safe. The same tensors in the same order give the same bits.
struct LayerStatistics {
  int64_t samples = 0;
  int64_t values = 0;
  double signal = 0;
  // quantized - float, isolated - float, quantized - isolated.
  double error = 0;
  double inherited = 0;
  double injected = 0;
  // Over the samples.
  double cosine_sum = 0;
  float min = std::numeric_limits<float>::infinity();
  float max = -std::numeric_limits<float>::infinity();
  int64_t saturated = 0;
  std::vector<float> channel_magnitudes;

  // One sample. All three have `shape`.
  void Add(absl::Span<const int64_t> shape, absl::Span<const float> expected, absl::Span<const float> isolated,
           absl::Span<const float> quantized, const StatisticsOptions& options);
  void Merge(const LayerStatistics& other);
};

// The largest value over the median; 0 if there are none. A median of 0 counts as a thousandth of the largest.
float Spread(std::vector<float> magnitudes);

}  // namespace joinery::compiler
