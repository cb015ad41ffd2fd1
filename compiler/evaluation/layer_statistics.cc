#include "compiler/evaluation/layer_statistics.h"

#include <algorithm>
#include <array>
#include <cmath>

namespace joinery::compiler {
namespace {

// Lanes that the compiler turns into vector registers; a sum of single precision covers few enough values to be exact
// to six digits.
constexpr size_t kLanes = 8;
constexpr size_t kBlock = 2048;

using Lanes = std::array<float, kLanes>;

struct Sums {
  double signal = 0;
  double quantized = 0;
  double product = 0;
  double error = 0;
  double inherited = 0;
  double injected = 0;
  int64_t saturated = 0;
  float min = std::numeric_limits<float>::infinity();
  float max = -std::numeric_limits<float>::infinity();
};

double Total(const Lanes& lanes) {
  double total = 0;
  for (const float lane : lanes) total += lane;
  return total;
}

// At most kBlock values.
void AddBlock(const float* expected, const float* isolated, const float* quantized, size_t count, float low, float high,
              Sums& sums) {
  Lanes signal{};
  Lanes square{};
  Lanes product{};
  Lanes error{};
  Lanes inherited{};
  Lanes injected{};
  std::array<int32_t, kLanes> saturated{};
  Lanes min;
  Lanes max;
  min.fill(sums.min);
  max.fill(sums.max);
  const auto add = [&](size_t i, size_t lane) {
    const float f = expected[i];
    const float t = isolated[i];
    const float q = quantized[i];
    signal[lane] += f * f;
    square[lane] += q * q;
    product[lane] += f * q;
    error[lane] += (q - f) * (q - f);
    inherited[lane] += (t - f) * (t - f);
    injected[lane] += (q - t) * (q - t);
    saturated[lane] += static_cast<int32_t>(t < low) + static_cast<int32_t>(t > high);
    min[lane] = f < min[lane] ? f : min[lane];
    max[lane] = f > max[lane] ? f : max[lane];
  };
  size_t i = 0;
  for (; i + kLanes <= count; i += kLanes) {
    for (size_t lane = 0; lane < kLanes; ++lane) add(i + lane, lane);
  }
  for (; i < count; ++i) add(i, 0);
  sums.signal += Total(signal);
  sums.quantized += Total(square);
  sums.product += Total(product);
  sums.error += Total(error);
  sums.inherited += Total(inherited);
  sums.injected += Total(injected);
  for (const int32_t lane : saturated) sums.saturated += lane;
  sums.min = *std::min_element(min.begin(), min.end());
  sums.max = *std::max_element(max.begin(), max.end());
}

double Cosine(const Sums& sums) {
  if (sums.signal == 0 && sums.quantized == 0) return 1;
  const double norms = std::sqrt(sums.signal) * std::sqrt(sums.quantized);
  return norms > 0 ? std::clamp(sums.product / norms, -1.0, 1.0) : 0;
}

}  // namespace

void LayerStatistics::Add(absl::Span<const int64_t> shape, absl::Span<const float> expected,
                          absl::Span<const float> isolated, absl::Span<const float> quantized,
                          const StatisticsOptions& options) {
  const float infinity = std::numeric_limits<float>::infinity();
  const float low = options.has_range ? options.low : -infinity;
  const float high = options.has_range ? options.high : infinity;
  const size_t channels = options.by_channel && shape.size() > 1 ? static_cast<size_t>(shape[1]) : 0;
  const size_t planes = channels == 0 ? 1 : channels * static_cast<size_t>(shape[0]);
  const size_t plane_size = planes == 0 ? 0 : expected.size() / planes;
  if (channel_magnitudes.size() < channels) channel_magnitudes.resize(channels);

  Sums sums;
  for (size_t plane = 0; plane < planes; ++plane) {
    Sums part;
    const size_t end = (plane + 1) * plane_size;
    for (size_t begin = plane * plane_size; begin < end; begin += kBlock) {
      AddBlock(&expected[begin], &isolated[begin], &quantized[begin], std::min(kBlock, end - begin), low, high, part);
    }
    if (channels > 0) {
      float& magnitude = channel_magnitudes[plane % channels];
      magnitude = std::max({magnitude, -part.min, part.max});
    }
    sums.signal += part.signal;
    sums.quantized += part.quantized;
    sums.product += part.product;
    sums.error += part.error;
    sums.inherited += part.inherited;
    sums.injected += part.injected;
    sums.saturated += part.saturated;
    sums.min = std::min(sums.min, part.min);
    sums.max = std::max(sums.max, part.max);
  }
  ++samples;
  values += static_cast<int64_t>(expected.size());
  signal += sums.signal;
  error += sums.error;
  inherited += sums.inherited;
  injected += sums.injected;
  saturated += sums.saturated;
  cosine_sum += Cosine(sums);
  min = std::min(min, sums.min);
  max = std::max(max, sums.max);
}

void LayerStatistics::Merge(const LayerStatistics& other) {
  samples += other.samples;
  values += other.values;
  signal += other.signal;
  error += other.error;
  inherited += other.inherited;
  injected += other.injected;
  cosine_sum += other.cosine_sum;
  saturated += other.saturated;
  min = std::min(min, other.min);
  max = std::max(max, other.max);
  if (channel_magnitudes.size() < other.channel_magnitudes.size()) {
    channel_magnitudes.resize(other.channel_magnitudes.size());
  }
  for (size_t i = 0; i < other.channel_magnitudes.size(); ++i) {
    channel_magnitudes[i] = std::max(channel_magnitudes[i], other.channel_magnitudes[i]);
  }
}

float Spread(std::vector<float> magnitudes) {
  if (magnitudes.size() < 2) return 0;
  const auto middle = magnitudes.begin() + static_cast<std::ptrdiff_t>(magnitudes.size() / 2);
  std::nth_element(magnitudes.begin(), middle, magnitudes.end());
  const float median = *middle;
  const float largest = *std::max_element(middle, magnitudes.end());
  if (largest <= 0) return 1;
  return largest / std::max(median, largest / 1000);
}

}  // namespace joinery::compiler
