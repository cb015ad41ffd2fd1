#include "compiler/quantization/linear_weights.h"

#include <string>

#include "base/status.h"
#include "compiler/ir/tensor_proto.h"

namespace joinery::compiler {
namespace {

void SetChannels(const onnx::NodeProto& node, LinearWeights& weights) {
  const std::vector<int64_t>& shape = weights.shape;
  const std::string& op_type = node.op_type();
  if (op_type == "Conv" && shape.size() >= 3) {
    weights.groups = IntAttribute(node, "group", 1);
    weights.outputs = shape[0];
    weights.inputs = shape[1] * weights.groups;
  } else if (op_type == "ConvTranspose" && shape.size() >= 3) {
    weights.groups = IntAttribute(node, "group", 1);
    weights.inputs = shape[0];
    weights.outputs = shape[1] * weights.groups;
    weights.input_first = true;
  } else if ((op_type == "Gemm" || op_type == "MatMul") && shape.size() == 2) {
    weights.input_first = op_type == "MatMul" || IntAttribute(node, "transB", 0) == 0;
    weights.outputs = shape[weights.input_first ? 1 : 0];
    weights.inputs = shape[weights.input_first ? 0 : 1];
  }
  const bool fits = weights.groups >= 1 && weights.outputs > 0 && weights.inputs > 0 &&
                    weights.outputs % weights.groups == 0 && weights.inputs % weights.groups == 0 &&
                    (weights.bias.empty() || static_cast<int64_t>(weights.bias.size()) == weights.outputs);
  if (!fits) {
    weights.outputs = 0;
    weights.inputs = 0;
    weights.groups = 1;
  }
}

}  // namespace

absl::StatusOr<std::vector<LinearWeights>> LoadLinearWeights(Graph& graph, const QuantizationPlan& plan) {
  std::vector<LinearWeights> all;
  all.reserve(plan.linear_nodes.size());
  for (const LinearNode& linear : plan.linear_nodes) {
    LinearWeights weights;
    const onnx::TensorProto& proto = *graph.Initializer(linear.form.weights);
    weights.shape.assign(proto.dims().begin(), proto.dims().end());
    ASSIGN_OR_RETURN(weights.values, FloatValues(proto));
    if (!linear.form.bias.empty()) {
      ASSIGN_OR_RETURN(weights.bias, FloatValues(*graph.Initializer(linear.form.bias)));
    }
    SetChannels(*linear.node, weights);
    all.push_back(std::move(weights));
  }
  return all;
}

int InputChannelAxis(Graph& graph, const onnx::NodeProto& node) {
  const auto shape = graph.Shape(node.input(0));
  if (!shape.has_value() || shape->empty()) return -1;
  const int last = static_cast<int>(shape->size()) - 1;
  return node.op_type() == "MatMul" ? last : std::min(1, last);
}

}  // namespace joinery::compiler
