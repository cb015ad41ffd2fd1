#include "compiler/frontend/channel_affine.h"

#include <algorithm>
#include <cmath>

#include "compiler/ir/tensor_proto.h"

namespace joinery::compiler {
namespace {

// Float constants, or nothing.
std::optional<std::vector<float>> Constant(Graph& graph, const std::string& tensor) {
  const onnx::TensorProto* initializer = graph.Initializer(tensor);
  if (initializer == nullptr || initializer->data_type() != onnx::TensorProto::FLOAT) return std::nullopt;
  absl::StatusOr<std::vector<float>> values = FloatValues(*initializer);
  if (!values.ok()) return std::nullopt;
  return *std::move(values);
}

bool IsFinite(const ChannelAffine& affine) {
  const auto is_finite = [](double value) { return std::isfinite(value); };
  return std::all_of(affine.scale.begin(), affine.scale.end(), is_finite) &&
         std::all_of(affine.shift.begin(), affine.shift.end(), is_finite);
}

std::optional<ChannelAffine> OfBatchNormalization(Graph& graph, const onnx::NodeProto& node, size_t channels) {
  if (node.input_size() != 5 || IntAttribute(node, "training_mode", 0) != 0) return std::nullopt;
  for (int i = 1; i < node.output_size(); ++i) {
    if (!node.output(i).empty()) return std::nullopt;
  }
  const auto gamma = Constant(graph, node.input(1));
  const auto beta = Constant(graph, node.input(2));
  const auto mean = Constant(graph, node.input(3));
  const auto variance = Constant(graph, node.input(4));
  for (const auto* values : {&gamma, &beta, &mean, &variance}) {
    if (!values->has_value() || (*values)->size() != channels) return std::nullopt;
  }
  const double epsilon = FloatAttribute(node, "epsilon", 1e-5F);
  ChannelAffine affine{std::vector<double>(channels), std::vector<double>(channels)};
  for (size_t c = 0; c < channels; ++c) {
    affine.scale[c] = (*gamma)[c] / std::sqrt((*variance)[c] + epsilon);
    affine.shift[c] = (*beta)[c] - (*mean)[c] * affine.scale[c];
  }
  return affine;
}

// The constant's value for each channel of a tensor of `shape`, if it differs between channels only and does not make
// the result larger.
std::optional<std::vector<double>> PerChannel(Graph& graph, const std::string& constant,
                                              const std::vector<int64_t>& shape) {
  const auto values = Constant(graph, constant);
  if (!values.has_value()) return std::nullopt;
  const std::vector<int64_t> own = graph.Shape(constant).value_or(std::vector<int64_t>());
  if (own.size() > shape.size()) return std::nullopt;
  const size_t missing = shape.size() - own.size();
  for (size_t i = 0; i < own.size(); ++i) {
    const bool is_channel = i + missing == 1;
    if (own[i] != 1 && !(is_channel && own[i] == shape[1])) return std::nullopt;
  }
  const auto channels = static_cast<size_t>(shape[1]);
  std::vector<double> expanded(channels);
  for (size_t c = 0; c < channels; ++c) expanded[c] = (*values)[values->size() == 1 ? 0 : c];
  return expanded;
}

std::optional<ChannelAffine> OfArithmetic(Graph& graph, const onnx::NodeProto& node, const std::string& tensor,
                                          const std::vector<int64_t>& shape) {
  const std::string& op = node.op_type();
  if ((op != "Mul" && op != "Add" && op != "Sub" && op != "Div") || node.input_size() != 2) return std::nullopt;
  if (node.input(0) == node.input(1)) return std::nullopt;
  const bool is_left = node.input(0) == tensor;
  if (op == "Div" && !is_left) return std::nullopt;
  const auto constant = PerChannel(graph, node.input(is_left ? 1 : 0), shape);
  if (!constant.has_value()) return std::nullopt;
  const size_t channels = constant->size();
  ChannelAffine affine{std::vector<double>(channels, 1.0), std::vector<double>(channels, 0.0)};
  for (size_t c = 0; c < channels; ++c) {
    const double value = (*constant)[c];
    if (op == "Mul") affine.scale[c] = value;
    if (op == "Div") affine.scale[c] = 1.0 / value;
    if (op == "Add" || (op == "Sub" && !is_left)) affine.shift[c] = value;
    if (op == "Sub" && is_left) affine.shift[c] = -value;
    if (op == "Sub" && !is_left) affine.scale[c] = -1.0;
  }
  return affine;
}

}  // namespace

std::optional<ChannelAffine> AffineOf(Graph& graph, const onnx::NodeProto& node, const std::string& tensor,
                                      const std::vector<int64_t>& shape) {
  if (shape.size() < 2 || graph.ElementType(tensor) != onnx::TensorProto::FLOAT) return std::nullopt;
  std::optional<ChannelAffine> affine;
  if (node.op_type() == "BatchNormalization") {
    if (node.input_size() > 0 && node.input(0) == tensor) {
      affine = OfBatchNormalization(graph, node, static_cast<size_t>(shape[1]));
    }
  } else {
    affine = OfArithmetic(graph, node, tensor, shape);
  }
  if (affine.has_value() && !IsFinite(*affine)) return std::nullopt;
  return affine;
}

void Append(const ChannelAffine& next, ChannelAffine& affine) {
  for (size_t c = 0; c < affine.scale.size(); ++c) {
    affine.scale[c] *= next.scale[c];
    affine.shift[c] = affine.shift[c] * next.scale[c] + next.shift[c];
  }
}

}  // namespace joinery::compiler
