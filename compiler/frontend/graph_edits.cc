#include "compiler/frontend/graph_edits.h"

#include <utility>

namespace joinery::compiler {

std::string GraphEdits::Resolve(const std::string& tensor) {
  std::string target = tensor;
  for (auto next = replaced_.find(target); next != replaced_.end(); next = replaced_.find(target)) {
    target = next->second;
  }
  // Later questions shall not walk the same chain again.
  std::string step = tensor;
  for (auto next = replaced_.find(step); next != replaced_.end(); next = replaced_.find(step)) {
    step = std::exchange(next->second, target);
    if (step == target) break;
  }
  return target;
}

void GraphEdits::Rename(onnx::GraphProto* graph, bool is_main) {
  const auto rename = [this](std::string* name) {
    if (replaced_.contains(*name)) *name = Resolve(*name);
  };
  for (onnx::NodeProto& node : *graph->mutable_node()) {
    for (std::string& input : *node.mutable_input()) rename(&input);
    // No nested graph has a tensor of the same name as one outside (CheckNames), so nothing is hidden or caught.
    for (onnx::AttributeProto& attribute : *node.mutable_attribute()) {
      if (attribute.has_g()) Rename(attribute.mutable_g(), false);
      for (onnx::GraphProto& nested : *attribute.mutable_graphs()) Rename(&nested, false);
    }
  }
  if (is_main) return;
  for (onnx::ValueInfoProto& output : *graph->mutable_output()) rename(output.mutable_name());
}

void GraphEdits::Apply(Graph& graph) {
  onnx::GraphProto* proto = graph.mutable_model().mutable_graph();
  for (const Output& output : outputs_) output.node->set_output(output.index, output.tensor);
  if (!replaced_.empty()) Rename(proto, true);
  if (!removed_.empty()) {
    auto* nodes = proto->mutable_node();
    int kept = 0;
    for (int i = 0; i < nodes->size(); ++i) {
      if (!removed_.contains(&nodes->Get(i))) nodes->SwapElements(kept++, i);
    }
    nodes->DeleteSubrange(kept, nodes->size() - kept);
  }
  for (onnx::TensorProto& tensor : added_) *proto->add_initializer() = std::move(tensor);
  graph.Invalidate();
}

}  // namespace joinery::compiler
