#include "compiler/frontend/import_weights.h"

#include <limits>

#include "onnx/onnx_pb.h"

namespace joinery::compiler {

std::optional<ImportedWeights> WeightsOf(const QuantizationForm& form, const std::vector<int64_t>& shape,
                                         absl::Span<const int32_t> integers, const ChannelStride& stride) {
  if (form.element_type != onnx::TensorProto::INT8 && form.element_type != onnx::TensorProto::UINT8) {
    return std::nullopt;
  }
  ImportedWeights weights{shape, {}, form.scales, form.axis};
  if (weights.axis < 0 && form.scales.size() > 1) weights.axis += static_cast<int>(shape.size());
  weights.values.reserve(integers.size());
  for (size_t i = 0; i < integers.size(); ++i) {
    const int32_t value = integers[i] - form.zero_points[i / stride.inner % stride.channels];
    if (value < std::numeric_limits<int8_t>::min() || value > std::numeric_limits<int8_t>::max()) return std::nullopt;
    weights.values.push_back(static_cast<int8_t>(value));
  }
  return weights;
}

std::vector<float> ValuesOf(const ImportedWeights& weights) {
  const QuantizationForm form{onnx::TensorProto::INT8, weights.scales, std::vector<int32_t>(weights.scales.size(), 0),
                              weights.axis};
  ChannelStride stride{weights.scales.size(), 1};
  for (size_t i = static_cast<size_t>(weights.axis) + 1; i < weights.shape.size(); ++i) {
    stride.inner *= static_cast<size_t>(weights.shape[i]);
  }
  return DequantizeValues(std::vector<int32_t>(weights.values.begin(), weights.values.end()), form, stride);
}

ImportedWeights Transpose(const ImportedWeights& weights, const std::vector<int64_t>& order) {
  const size_t rank = weights.shape.size();
  ImportedWeights transposed{std::vector<int64_t>(rank), std::vector<int8_t>(weights.values.size()), weights.scales,
                             -1};
  // By how much the place among the old values changes with each new dimension.
  std::vector<size_t> strides(rank, 1);
  for (size_t i = 0; i < rank; ++i) {
    const auto old = static_cast<size_t>(order[i]);
    transposed.shape[i] = weights.shape[old];
    for (size_t j = old + 1; j < rank; ++j) strides[i] *= static_cast<size_t>(weights.shape[j]);
    if (order[i] == weights.axis) transposed.axis = static_cast<int>(i);
  }
  std::vector<int64_t> place(rank, 0);
  size_t from = 0;
  for (int8_t& value : transposed.values) {
    value = weights.values[from];
    for (size_t i = rank; i-- > 0;) {
      from += strides[i];
      if (++place[i] < transposed.shape[i]) break;
      from -= strides[i] * static_cast<size_t>(transposed.shape[i]);
      place[i] = 0;
    }
  }
  return transposed;
}

}  // namespace joinery::compiler
