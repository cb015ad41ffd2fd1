// From ranges and weights to 8-bit numbers.
#pragma once

#include <cstdint>
#include <vector>

#include "absl/status/statusor.h"
#include "absl/types/span.h"
#include "compiler/calibration/range.h"

namespace joinery::compiler {

// real = (quantized - zero_point) * scale. scale > 0 and finite.
struct QuantizationParameters {
  float scale = 1;
  int32_t zero_point = 0;
};

// For uint8, or uint16 if `bits` is 16: zero has a number of its own, and the range is covered up to half a step. An
// empty range gets scale 1.
QuantizationParameters ParametersFor(const Range& range, int bits);

// What `values` become: clamp(round(x / scale) + zero_point, 0, 255), ties to even, as QuantizeLinear does.
std::vector<uint8_t> QuantizeToUint8(absl::Span<const float> values, const QuantizationParameters& parameters);
// The same between 0 and 65535.
std::vector<uint16_t> QuantizeToUint16(absl::Span<const float> values, const QuantizationParameters& parameters);

// A weight tensor seen as [outer, channels, inner]: channel c owns the values (o * channels + c) * inner + i.
struct ChannelView {
  int64_t outer = 1;
  int64_t channels = 1;
  int64_t inner = 1;
};

// The view in which dimension `axis` of `shape` is the channels; axis < 0: one channel for all.
ChannelView ViewByChannel(absl::Span<const int64_t> shape, int axis);

struct QuantizedWeights {
  // As the float weights.
  std::vector<int8_t> values;
  // One for each channel; > 0.
  std::vector<float> scales;
};

// Quantizes weights symmetrically: q = clamp(round(w / scale[c]), -127, 127), ties to even, zero point 0.
//
//   smallest_scales  one for each channel, or empty: no scale is made smaller than this, so that a bias that is stored
//   in
//                    units of input scale * weight scale fits 32 bits even if the channel's weights are all but zero.
//
// Source: Nagel et al. 2021, "A White Paper on Neural Network Quantization" (arXiv:2106.08295), section 2.2.
QuantizedWeights QuantizeWeights(absl::Span<const float> weights, const ChannelView& view,
                                 absl::Span<const float> smallest_scales);

// The bias of channel c as a multiple of scales[c], rounded to nearest and clamped to 32 bits.
std::vector<int32_t> QuantizeBias(absl::Span<const float> bias, absl::Span<const float> scales);

}  // namespace joinery::compiler
