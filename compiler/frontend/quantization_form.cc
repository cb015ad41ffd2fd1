#include "compiler/frontend/quantization_form.h"

#include <algorithm>
#include <cmath>

#include "absl/strings/str_cat.h"
#include "base/status.h"
#include "compiler/ir/tensor_proto.h"

namespace joinery::compiler {
namespace {

bool IsOfKnownDomain(const onnx::NodeProto& node) {
  return node.domain().empty() || node.domain() == "ai.onnx" || node.domain() == "com.microsoft";
}

template <typename T>
std::vector<int32_t> Widen(const Tensor& tensor) {
  const absl::Span<const T> values = tensor.values<T>();
  return {values.begin(), values.end()};
}

const onnx::TensorProto* ValueOf(const onnx::NodeProto& constant) {
  const onnx::AttributeProto* value = FindAttribute(constant, "value");
  return value != nullptr && value->has_t() ? &value->t() : nullptr;
}

}  // namespace

bool IsQuantize(const onnx::NodeProto& node) { return node.op_type() == "QuantizeLinear" && IsOfKnownDomain(node); }

bool IsDequantize(const onnx::NodeProto& node) { return node.op_type() == "DequantizeLinear" && IsOfKnownDomain(node); }

const onnx::TensorProto* FindConstant(Graph& graph, const std::string& tensor) {
  std::string name = tensor;
  while (true) {
    if (const onnx::TensorProto* initializer = graph.Initializer(name)) return initializer;
    const onnx::NodeProto* producer = graph.Producer(name);
    if (producer == nullptr) return nullptr;
    if (producer->op_type() == "Constant") return ValueOf(*producer);
    // Nodes are in topological order, so this ends.
    if (producer->op_type() != "Identity") return nullptr;
    name = producer->input(0);
  }
}

absl::StatusOr<QuantizationForm> FormOf(Graph& graph, const onnx::NodeProto& node) {
  if (node.input_size() < 2 || IntAttribute(node, "block_size", 0) != 0) {
    return absl::UnimplementedError("it has scales for blocks");
  }
  const onnx::TensorProto* scale = FindConstant(graph, node.input(1));
  if (scale == nullptr) return absl::UnimplementedError("its scale is not constant");
  if (scale->data_type() != onnx::TensorProto::FLOAT) return absl::UnimplementedError("its scale is not float32");
  if (scale->dims_size() > 1) return absl::UnimplementedError("it has scales for blocks");
  QuantizationForm form;
  ASSIGN_OR_RETURN(form.scales, FloatValues(*scale));
  for (const float value : form.scales) {
    if (std::isfinite(value) && value > 0) continue;
    return absl::InvalidArgumentError(absl::StrCat(Describe(node), ": its scale is ", value));
  }
  form.zero_points.assign(form.scales.size(), 0);
  if (node.input_size() > 2 && !node.input(2).empty()) {
    const onnx::TensorProto* zero_point = FindConstant(graph, node.input(2));
    if (zero_point == nullptr) return absl::UnimplementedError("its zero point is not constant");
    form.element_type = zero_point->data_type();
    ASSIGN_OR_RETURN(form.zero_points, Integers(*zero_point));
  } else if (IsQuantize(node)) {
    form.element_type = static_cast<int32_t>(IntAttribute(node, "output_dtype", 0));
    if (form.element_type == 0) form.element_type = onnx::TensorProto::UINT8;
  }
  if (form.scales.empty() || form.zero_points.size() != form.scales.size()) {
    return absl::InvalidArgumentError(absl::StrCat(Describe(node), " has ", form.scales.size(), " scales and ",
                                                   form.zero_points.size(), " zero points"));
  }
  const bool is_per_channel = scale->dims_size() == 1 && form.scales.size() > 1;
  form.axis = is_per_channel ? static_cast<int>(IntAttribute(node, "axis", 1)) : -1;
  return form;
}

std::optional<NumberLimits> LimitsOf(int32_t element_type) {
  switch (element_type) {
    case onnx::TensorProto::UINT8:
      return NumberLimits{0, 255};
    case onnx::TensorProto::INT8:
      return NumberLimits{-128, 127};
    case onnx::TensorProto::UINT16:
      return NumberLimits{0, 65535};
    case onnx::TensorProto::INT16:
      return NumberLimits{-32768, 32767};
    default:
      return std::nullopt;
  }
}

absl::StatusOr<ChannelStride> StrideOf(const QuantizationForm& form, const std::vector<int64_t>& shape) {
  if (form.scales.size() == 1) return ChannelStride{};
  const auto rank = static_cast<int>(shape.size());
  const int axis = form.axis < 0 ? form.axis + rank : form.axis;
  if (axis < 0 || axis >= rank || shape[static_cast<size_t>(axis)] != static_cast<int64_t>(form.scales.size())) {
    return absl::InvalidArgumentError(absl::StrCat("its ", form.scales.size(), " scales do not fit dimension ",
                                                   form.axis, " of a tensor of ", rank, " dimensions"));
  }
  ChannelStride stride{form.scales.size(), 1};
  for (int i = axis + 1; i < rank; ++i) stride.inner *= static_cast<size_t>(shape[static_cast<size_t>(i)]);
  return stride;
}

absl::StatusOr<std::vector<int32_t>> Integers(const onnx::TensorProto& tensor) {
  ASSIGN_OR_RETURN(const Tensor values, ToTensor(tensor));
  switch (values.element_type) {
    case onnx::TensorProto::UINT8:
      return Widen<uint8_t>(values);
    case onnx::TensorProto::INT8:
      return Widen<int8_t>(values);
    case onnx::TensorProto::UINT16:
      return Widen<uint16_t>(values);
    case onnx::TensorProto::INT16:
      return Widen<int16_t>(values);
    case onnx::TensorProto::INT32:
      return Widen<int32_t>(values);
    default:
      return absl::UnimplementedError(absl::StrCat("it has numbers of the type ", ElementTypeName(tensor.data_type())));
  }
}

std::vector<int32_t> QuantizeValues(absl::Span<const float> values, const QuantizationForm& form,
                                    const ChannelStride& stride) {
  const std::optional<NumberLimits> limits = LimitsOf(form.element_type);
  std::vector<int32_t> integers(values.size());
  for (size_t i = 0; limits.has_value() && i < values.size(); ++i) {
    const size_t channel = i / stride.inner % stride.channels;
    const float rounded =
        std::nearbyint(values[i] / form.scales[channel]) + static_cast<float>(form.zero_points[channel]);
    integers[i] = static_cast<int32_t>(
        std::clamp(rounded, static_cast<float>(limits->least), static_cast<float>(limits->largest)));
  }
  return integers;
}

std::vector<float> DequantizeValues(absl::Span<const int32_t> integers, const QuantizationForm& form,
                                    const ChannelStride& stride) {
  std::vector<float> values(integers.size());
  for (size_t i = 0; i < integers.size(); ++i) {
    const size_t channel = i / stride.inner % stride.channels;
    const int64_t from_zero = int64_t{integers[i]} - form.zero_points[channel];
    values[i] = static_cast<float>(from_zero) * form.scales[channel];
  }
  return values;
}

}  // namespace joinery::compiler
