#include "compiler/quantization/operators.h"

#include <algorithm>
#include <optional>

#include "compiler/ir/tensor_proto.h"

namespace joinery::compiler {
namespace {

const std::vector<OperatorRule>& Rules() {
  using enum OperatorRole;
  static const auto* rules = new std::vector<OperatorRule>{
      {"Conv", kLinear, {0}},
      {"ConvTranspose", kLinear, {0}},
      {"Gemm", kLinear, {0}},
      {"MatMul", kLinear, {0}},
      {"Add", kCompute, {}},
      {"Sub", kCompute, {}},
      {"Mul", kCompute, {}},
      {"Div", kCompute, {}},
      {"Relu", kCompute, {}},
      {"Clip", kCompute, {0}},
      {"LeakyRelu", kCompute, {}},
      {"PRelu", kCompute, {0}},
      {"Sigmoid", kCompute, {}},
      {"HardSigmoid", kCompute, {}},
      {"HardSwish", kCompute, {}},
      {"Tanh", kCompute, {}},
      {"Gelu", kCompute, {}},
      {"AveragePool", kCompute, {}},
      {"GlobalAveragePool", kCompute, {}},
      {"ReduceMean", kCompute, {0}},
      {"Resize", kPassThrough, {0}},
      {"MaxPool", kPassThrough, {0}},
      {"GlobalMaxPool", kPassThrough, {}},
      {"Reshape", kPassThrough, {0}},
      {"Flatten", kPassThrough, {}},
      {"Transpose", kPassThrough, {}},
      {"Squeeze", kPassThrough, {0}},
      {"Unsqueeze", kPassThrough, {0}},
      {"Identity", kPassThrough, {}},
      {"Concat", kPassThrough, {}},
      {"Slice", kPassThrough, {0}},
      {"Split", kPassThrough, {0}},
      {"Gather", kPassThrough, {0}},
      {"Pad", kPassThrough, {0}},
      {"Expand", kPassThrough, {0}},
      {"Tile", kPassThrough, {0}},
      {"DepthToSpace", kPassThrough, {}},
      {"SpaceToDepth", kPassThrough, {}},
  };
  return *rules;
}

// The dimension of the weights that is the output's channels, or nullopt and a reason.
std::optional<int> ChannelAxis(const onnx::NodeProto& node, const std::vector<int64_t>& weight_shape,
                               std::string* reason) {
  if (node.op_type() == "Conv") return 0;
  if (node.op_type() == "ConvTranspose") {
    // With groups the weights' second dimension is only the channels of one group.
    return IntAttribute(node, "group", 1) == 1 ? 1 : -1;
  }
  if (node.op_type() == "Gemm") {
    if (FloatAttribute(node, "alpha", 1) != 1 || FloatAttribute(node, "beta", 1) != 1) {
      *reason = "its alpha or beta is not 1";
      return std::nullopt;
    }
    if (IntAttribute(node, "transA", 0) != 0) {
      *reason = "its input is transposed";
      return std::nullopt;
    }
    return IntAttribute(node, "transB", 0) != 0 ? 0 : 1;
  }
  if (weight_shape.size() != 2) return -1;
  return 1;
}

}  // namespace

const OperatorRule* FindOperatorRule(const onnx::NodeProto& node) {
  if (!node.domain().empty() && node.domain() != "ai.onnx") return nullptr;
  const auto found = std::find_if(Rules().begin(), Rules().end(),
                                  [&](const OperatorRule& rule) { return rule.op_type == node.op_type(); });
  return found == Rules().end() ? nullptr : &*found;
}

std::string FindObstacle(Graph& graph, const onnx::NodeProto& node) {
  if (node.op_type() == "Pad") {
    if (StringAttribute(node, "mode", "constant") != "constant" || node.input_size() < 3 || node.input(2).empty())
      return "";
    const onnx::TensorProto* value = graph.Initializer(node.input(2));
    const absl::StatusOr<std::vector<float>> values = value == nullptr ? absl::NotFoundError("") : FloatValues(*value);
    if (!values.ok() || values->size() != 1 || values->front() != 0) return "it pads with something else than zero";
  }
  if (node.op_type() == "Resize" && StringAttribute(node, "mode", "nearest") == "cubic") {
    return "cubic interpolation leaves the range of its input";
  }
  return "";
}

std::optional<LinearForm> FindLinearForm(Graph& graph, const onnx::NodeProto& node, std::string* reason) {
  const onnx::TensorProto* weights = node.input_size() > 1 ? graph.Initializer(node.input(1)) : nullptr;
  if (weights == nullptr) {
    *reason = "its weights are not constant";
    return std::nullopt;
  }
  LinearForm form{weights->name(), -1, node.input_size() > 2 ? node.input(2) : ""};
  const std::vector<int64_t> shape(weights->dims().begin(), weights->dims().end());
  const std::optional<int> axis = ChannelAxis(node, shape, reason);
  if (!axis.has_value()) return std::nullopt;
  form.channel_axis = *axis;
  if (form.bias.empty()) return form;
  const onnx::TensorProto* bias = graph.Initializer(form.bias);
  if (bias == nullptr) {
    *reason = "its bias is not constant";
    return std::nullopt;
  }
  if (form.channel_axis >= 0 && (bias->dims_size() != 1 || bias->dims(0) != shape[static_cast<size_t>(*axis)])) {
    *reason = "its bias does not have one value for each channel";
    return std::nullopt;
  }
  return form;
}

bool IsClipping(const onnx::NodeProto& node) { return node.op_type() == "Relu" || node.op_type() == "Clip"; }

}  // namespace joinery::compiler
