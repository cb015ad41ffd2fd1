#include "compiler/frontend/state_kernel_shapes.h"

#include <string>
#include <unordered_map>
#include <vector>

#include "absl/strings/str_cat.h"
#include "base/status.h"
#include "compiler/ir/graph.h"

namespace joinery::compiler {
namespace {

using Dimensions = std::vector<int64_t>;
// By name; of the graph and those around it.
using ConstantShapes = std::unordered_map<std::string, Dimensions>;

// Which input is the weights; -1 if the node is no convolution.
int WeightsInput(const onnx::NodeProto& node) {
  static const auto* inputs = new std::unordered_map<std::string, int>{
      {"Conv", 1}, {"ConvTranspose", 1}, {"ConvInteger", 1}, {"DeformConv", 1}, {"QLinearConv", 3}};
  const auto found = inputs->find(node.op_type());
  return found == inputs->end() ? -1 : found->second;
}

Dimensions ShapeOf(const onnx::TensorProto& tensor) { return {tensor.dims().begin(), tensor.dims().end()}; }

void CollectConstants(const onnx::GraphProto& graph, ConstantShapes& shapes) {
  for (const onnx::TensorProto& tensor : graph.initializer()) shapes[tensor.name()] = ShapeOf(tensor);
  for (const onnx::NodeProto& node : graph.node()) {
    if (node.output_size() == 0) continue;
    if (const onnx::AttributeProto* value = FindAttribute(node, "value");
        node.op_type() == "Constant" && value != nullptr) {
      shapes[node.output(0)] = ShapeOf(value->t());
    }
    // The weights of a quantized model.
    if (node.op_type() == "DequantizeLinear" && shapes.contains(node.input(0))) {
      shapes[node.output(0)] = Dimensions(shapes[node.input(0)]);
    }
  }
}

absl::Status StateInNode(onnx::NodeProto* node, const ConstantShapes& shapes) {
  const int weights = WeightsInput(*node);
  if (weights < 0 || weights >= node->input_size() || FindAttribute(*node, "kernel_shape") != nullptr) {
    return absl::OkStatus();
  }
  const auto found = shapes.find(node->input(weights));
  if (found == shapes.end()) {
    return absl::UnimplementedError(absl::StrCat("node ", Describe(*node),
                                                 " computes its weights and does not state its kernel_shape: export it "
                                                 "with that attribute"));
  }
  if (found->second.size() < 2) {
    return absl::InvalidArgumentError(absl::StrCat("the weights of node ", Describe(*node), " have ",
                                                   found->second.size(), " dimensions, at least 2 are needed"));
  }
  SetIntsAttribute(node, "kernel_shape", absl::MakeConstSpan(found->second).subspan(2));
  return absl::OkStatus();
}

absl::Status StateInGraph(onnx::GraphProto* graph, ConstantShapes shapes) {
  CollectConstants(*graph, shapes);
  for (onnx::NodeProto& node : *graph->mutable_node()) {
    RETURN_IF_ERROR(StateInNode(&node, shapes));
    for (onnx::AttributeProto& attribute : *node.mutable_attribute()) {
      if (attribute.has_g()) RETURN_IF_ERROR(StateInGraph(attribute.mutable_g(), shapes));
      for (onnx::GraphProto& nested : *attribute.mutable_graphs()) RETURN_IF_ERROR(StateInGraph(&nested, shapes));
    }
  }
  return absl::OkStatus();
}

}  // namespace

absl::Status StateKernelShapes(onnx::ModelProto& model) { return StateInGraph(model.mutable_graph(), {}); }

}  // namespace joinery::compiler
