#include "compiler/quantization/quantize.h"

#include <algorithm>
#include <cmath>
#include <limits>

namespace joinery::compiler {

namespace {

template <typename T>
std::vector<T> QuantizeTo(absl::Span<const float> values, const QuantizationParameters& parameters) {
  constexpr auto kLargest = static_cast<float>(std::numeric_limits<T>::max());
  std::vector<T> quantized;
  quantized.reserve(values.size());
  for (const float value : values) {
    const float rounded = std::nearbyint(value / parameters.scale) + static_cast<float>(parameters.zero_point);
    quantized.push_back(static_cast<T>(std::clamp(rounded, 0.0F, kLargest)));
  }
  return quantized;
}

}  // namespace

QuantizationParameters ParametersFor(const Range& range, int bits) {
  const double largest = (1 << bits) - 1;
  const double span = static_cast<double>(range.max) - range.min;
  const auto scale = static_cast<float>(span / largest);
  // Below the smallest normal number a division by the scale is not reliable on all hardware.
  if (!(scale >= std::numeric_limits<float>::min())) return {};
  const double zero_point = std::nearbyint(-static_cast<double>(range.min) / scale);
  return {scale, static_cast<int32_t>(std::clamp(zero_point, 0.0, largest))};
}

std::vector<uint8_t> QuantizeToUint8(absl::Span<const float> values, const QuantizationParameters& parameters) {
  return QuantizeTo<uint8_t>(values, parameters);
}

std::vector<uint16_t> QuantizeToUint16(absl::Span<const float> values, const QuantizationParameters& parameters) {
  return QuantizeTo<uint16_t>(values, parameters);
}

ChannelView ViewByChannel(absl::Span<const int64_t> shape, int axis) {
  ChannelView view;
  for (int i = 0; i < static_cast<int>(shape.size()); ++i) {
    const int64_t dimension = shape[static_cast<size_t>(i)];
    if (axis < 0 || i > axis) {
      view.inner *= dimension;
    } else if (i < axis) {
      view.outer *= dimension;
    } else {
      view.channels = dimension;
    }
  }
  return view;
}

QuantizedWeights QuantizeWeights(absl::Span<const float> weights, const ChannelView& view,
                                 absl::Span<const float> smallest_scales) {
  QuantizedWeights quantized;
  quantized.values.resize(weights.size());
  quantized.scales.resize(static_cast<size_t>(view.channels));
  const auto for_each_row = [&](int64_t channel, const auto& visit) {
    for (int64_t outer = 0; outer < view.outer; ++outer) {
      const auto begin = static_cast<size_t>((outer * view.channels + channel) * view.inner);
      visit(begin, begin + static_cast<size_t>(view.inner));
    }
  };
  for (int64_t channel = 0; channel < view.channels; ++channel) {
    float largest = 0;
    for_each_row(channel, [&](size_t begin, size_t end) {
      for (size_t i = begin; i < end; ++i) largest = std::max(largest, std::fabs(weights[i]));
    });
    float scale = largest / 127;
    if (!smallest_scales.empty()) scale = std::max(scale, smallest_scales[static_cast<size_t>(channel)]);
    if (!(scale >= std::numeric_limits<float>::min())) scale = 1;
    quantized.scales[static_cast<size_t>(channel)] = scale;
    for_each_row(channel, [&](size_t begin, size_t end) {
      for (size_t i = begin; i < end; ++i) {
        quantized.values[i] = static_cast<int8_t>(std::clamp(std::nearbyint(weights[i] / scale), -127.0F, 127.0F));
      }
    });
  }
  return quantized;
}

std::vector<int32_t> QuantizeBias(absl::Span<const float> bias, absl::Span<const float> scales) {
  std::vector<int32_t> quantized;
  quantized.reserve(bias.size());
  for (size_t i = 0; i < bias.size(); ++i) {
    const double rounded = std::nearbyint(static_cast<double>(bias[i]) / scales[i]);
    quantized.push_back(static_cast<int32_t>(
        std::clamp<double>(rounded, std::numeric_limits<int32_t>::min(), std::numeric_limits<int32_t>::max())));
  }
  return quantized;
}

}  // namespace joinery::compiler
