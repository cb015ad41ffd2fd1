#include "compiler/quantization/operators.h"

#include <algorithm>
#include <optional>
#include <unordered_set>
#include <utility>

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
      {"Add", kCompute, {}, true},
      {"Sub", kCompute, {}, true},
      {"Mul", kCompute, {}, true},
      {"Div", kCompute, {}, true},
      {"Min", kCompute, {}, true},
      {"Max", kCompute, {}, true},
      {"Sum", kCompute, {}, true},
      {"Mean", kCompute, {}, true},
      {"Neg", kCompute, {}, true},
      {"Abs", kCompute, {}, true},
      {"Relu", kCompute, {}, true},
      {"Clip", kCompute, {0}, true},
      {"LeakyRelu", kCompute, {}, true},
      {"PRelu", kCompute, {0}, true},
      {"ThresholdedRelu", kCompute, {}, true},
      {"Elu", kCompute, {}, true},
      {"Selu", kCompute, {}, true},
      {"Celu", kCompute, {}, true},
      {"Sigmoid", kCompute, {}, true},
      {"HardSigmoid", kCompute, {}, true},
      {"HardSwish", kCompute, {}, true},
      {"Swish", kCompute, {}, true},
      {"Mish", kCompute, {}, true},
      {"Softplus", kCompute, {}, true},
      {"Softsign", kCompute, {}, true},
      {"Tanh", kCompute, {}, true},
      {"Gelu", kCompute, {}, true},
      {"Erf", kInside, {}, true},
      {"Exp", kInside, {}, true},
      {"Log", kInside, {}, true},
      {"Sqrt", kInside, {}, true},
      {"Reciprocal", kInside, {}, true},
      {"Pow", kInside, {0}, true},
      {"AveragePool", kCompute, {}},
      {"GlobalAveragePool", kCompute, {}},
      {"LpPool", kCompute, {}},
      {"ReduceMean", kCompute, {0}},
      {"ReduceSum", kCompute, {0}},
      {"LayerNormalization", kCompute, {0}},
      {"InstanceNormalization", kCompute, {0}},
      {"GroupNormalization", kCompute, {0}},
      {"BatchNormalization", kCompute, {0}},
      {"LRN", kCompute, {}},
      {"Resize", kPassThrough, {0}},
      {"MaxPool", kPassThrough, {0}},
      {"GlobalMaxPool", kPassThrough, {}},
      {"ReduceMax", kPassThrough, {0}},
      {"ReduceMin", kPassThrough, {0}},
      {"Reshape", kPassThrough, {0}},
      {"Flatten", kPassThrough, {}},
      {"Transpose", kPassThrough, {}},
      {"Squeeze", kPassThrough, {0}},
      {"Unsqueeze", kPassThrough, {0}},
      {"Identity", kPassThrough, {}},
      {"Slice", kPassThrough, {0}},
      {"Split", kPassThrough, {0}},
      {"Gather", kPassThrough, {0}},
      {"GatherElements", kPassThrough, {0}},
      {"GatherND", kPassThrough, {0}},
      {"Pad", kPassThrough, {0}},
      {"Expand", kPassThrough, {0}},
      {"Tile", kPassThrough, {0}},
      {"DepthToSpace", kPassThrough, {}},
      {"SpaceToDepth", kPassThrough, {}},
      {"Concat", kPassThrough, {}},
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

namespace {

// Whether all that reads the tensor moves its values to outputs of the graph.
bool OnlyReachesOutputs(Graph& graph, const std::string& tensor) {
  std::vector<std::string> pending = {tensor};
  std::unordered_set<std::string> seen;
  while (!pending.empty()) {
    const std::string next = std::move(pending.back());
    pending.pop_back();
    if (!seen.insert(next).second) continue;
    const std::vector<onnx::NodeProto*> readers = graph.Consumers(next);
    if (readers.empty() && !graph.IsGraphOutput(next)) return false;
    for (const onnx::NodeProto* reader : readers) {
      const OperatorRule* rule = FindOperatorRule(*reader);
      if (rule == nullptr || rule->role != OperatorRole::kPassThrough) return false;
      pending.insert(pending.end(), reader->output().begin(), reader->output().end());
    }
  }
  return true;
}

}  // namespace

std::string FindObstacle(Graph& graph, const onnx::NodeProto& node) {
  if (node.op_type() == "Pad") {
    if (StringAttribute(node, "mode", "constant") != "constant" || node.input_size() < 3 || node.input(2).empty())
      return "";
    const onnx::TensorProto* value = graph.Initializer(node.input(2));
    const absl::StatusOr<std::vector<float>> values = value == nullptr ? absl::NotFoundError("") : FloatValues(*value);
    if (!values.ok() || values->size() != 1 || values->front() != 0) return "it pads with something else than zero";
  }
  if (node.op_type() == "Sigmoid" && OnlyReachesOutputs(graph, node.output(0))) {
    return "its results are outputs, and 8 bits have no number for small scores";
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

bool IsScalarConstant(Graph& graph, const std::string& tensor) {
  const onnx::TensorProto* constant = graph.Initializer(tensor);
  return constant != nullptr &&
         std::all_of(constant->dims().begin(), constant->dims().end(), [](int64_t size) { return size == 1; });
}

bool IsPointwise(Graph& graph, const onnx::NodeProto& node) {
  const OperatorRule* rule = FindOperatorRule(node);
  if (rule == nullptr || !rule->is_pointwise) return false;
  if (rule->data_inputs.empty()) return true;
  for (int i = 0; i < node.input_size(); ++i) {
    const bool is_data = std::find(rule->data_inputs.begin(), rule->data_inputs.end(), i) != rule->data_inputs.end();
    if (!is_data && !node.input(i).empty() && !IsScalarConstant(graph, node.input(i))) return false;
  }
  return true;
}

bool IsClipping(Graph& graph, const onnx::NodeProto& node) {
  return node.op_type() == "Relu" || (node.op_type() == "Clip" && IsPointwise(graph, node));
}

}  // namespace joinery::compiler
