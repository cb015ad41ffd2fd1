// What QuantizeLinear and DequantizeLinear say about their numbers, and the numbers of constants.
#pragma once

#include <cstdint>
#include <optional>
#include <string>
#include <vector>

#include "absl/status/statusor.h"
#include "absl/types/span.h"
#include "compiler/ir/graph.h"
#include "compiler/ir/tensor.h"

namespace joinery::compiler {

// real = (quantized - zero_points[c]) * scales[c] of the channel c along `axis`.
struct QuantizationForm {
  // onnx::TensorProto::DataType of the quantized numbers.
  int32_t element_type = 0;
  // One for each channel, or one; positive and finite.
  std::vector<float> scales;
  // As many as scales.
  std::vector<int32_t> zero_points;
  // -1 if there is one scale. May count from the end, as in ONNX.
  int axis = -1;

  friend bool operator==(const QuantizationForm&, const QuantizationForm&) = default;
};

// QuantizeLinear or DequantizeLinear of ONNX or com.microsoft.
bool IsQuantize(const onnx::NodeProto& node);
bool IsDequantize(const onnx::NodeProto& node);

// The constant called `tensor`: an initializer or the value of a Constant, directly or through Identity. Null if it is
// not one.
const onnx::TensorProto* FindConstant(Graph& graph, const std::string& tensor);

// The form of a QuantizeLinear or DequantizeLinear. Its element type is 0 if the node does not tell.
// Errors: kInvalidArgument, naming the node, if a scale is not positive and finite, or scales and zero points are not
// equally many; kUnimplemented, without the node's name, for forms that are not scales for a tensor or its channels.
absl::StatusOr<QuantizationForm> FormOf(Graph& graph, const onnx::NodeProto& node);

// The least and the largest number of an 8-bit or 16-bit type; nothing for others.
struct NumberLimits {
  int32_t least;
  int32_t largest;
};
std::optional<NumberLimits> LimitsOf(int32_t element_type);

// The channel of element i is i / inner % channels.
struct ChannelStride {
  size_t channels = 1;
  size_t inner = 1;
};

// For a tensor of `shape`. kInvalidArgument if the form has not as many scales as there are channels.
absl::StatusOr<ChannelStride> StrideOf(const QuantizationForm& form, const std::vector<int64_t>& shape);

// The integers of a constant of 8, 16 or 32 bits. kUnimplemented for other types.
absl::StatusOr<std::vector<int32_t>> Integers(const onnx::TensorProto& tensor);

// As QuantizeLinear and DequantizeLinear do, to the bit. `form` has a type that LimitsOf knows (not needed to
// dequantize).
std::vector<int32_t> QuantizeValues(absl::Span<const float> values, const QuantizationForm& form,
                                    const ChannelStride& stride);
std::vector<float> DequantizeValues(absl::Span<const int32_t> integers, const QuantizationForm& form,
                                    const ChannelStride& stride);

}  // namespace joinery::compiler
