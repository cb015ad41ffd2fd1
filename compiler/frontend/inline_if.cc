#include "compiler/frontend/inline_if.h"

#include <optional>
#include <string>
#include <unordered_map>
#include <utility>
#include <vector>

#include "base/status.h"
#include "compiler/frontend/unique_names.h"
#include "compiler/ir/tensor_proto.h"

namespace joinery::compiler {
namespace {

constexpr int kMaxNodes = 10'000;

using Renames = std::unordered_map<std::string, std::string>;

// The value of the condition if it is a constant.
std::optional<bool> ConditionOf(Graph& graph, const onnx::NodeProto& node) {
  const onnx::TensorProto* tensor = node.input_size() == 1 ? graph.Initializer(node.input(0)) : nullptr;
  if (tensor == nullptr || tensor->data_type() != onnx::TensorProto::BOOL) return std::nullopt;
  const absl::StatusOr<Tensor> value = ToTensor(*tensor);
  if (!value.ok() || value->bytes.size() != 1) return std::nullopt;
  return value->bytes[0] != std::byte{0};
}

// The branch that is taken, moved out of the node; the node must go then.
std::optional<onnx::GraphProto> TakeBranch(Graph& graph, onnx::NodeProto* node) {
  const std::optional<bool> condition = ConditionOf(graph, *node);
  if (!condition.has_value()) return std::nullopt;
  for (onnx::AttributeProto& attribute : *node->mutable_attribute()) {
    if (attribute.name() != (*condition ? "then_branch" : "else_branch")) continue;
    const onnx::GraphProto& branch = attribute.g();
    if (branch.node_size() > kMaxNodes || branch.sparse_initializer_size() > 0 ||
        branch.output_size() != node->output_size()) {
      return std::nullopt;
    }
    return std::move(*attribute.mutable_g());
  }
  return std::nullopt;
}

void RenameAll(const Renames& renames, onnx::GraphProto* graph, bool is_nested) {
  const auto rename = [&](std::string* name) {
    if (const auto found = renames.find(*name); found != renames.end()) *name = found->second;
  };
  for (onnx::NodeProto& node : *graph->mutable_node()) {
    for (std::string& input : *node.mutable_input()) rename(&input);
    if (!is_nested) {
      for (std::string& output : *node.mutable_output()) rename(&output);
    }
    for (onnx::AttributeProto& attribute : *node.mutable_attribute()) {
      if (attribute.has_g()) RenameAll(renames, attribute.mutable_g(), true);
      for (onnx::GraphProto& nested : *attribute.mutable_graphs()) RenameAll(renames, &nested, true);
    }
  }
  if (is_nested) {
    for (onnx::ValueInfoProto& output : *graph->mutable_output()) rename(output.mutable_name());
  } else {
    for (onnx::TensorProto& tensor : *graph->mutable_initializer()) rename(tensor.mutable_name());
  }
}

// What the branch's own tensors will be called.
Renames ChooseNames(const onnx::GraphProto& branch, const onnx::NodeProto& node, UniqueNames& names) {
  Renames renames;
  for (const onnx::NodeProto& inner : branch.node()) {
    for (const std::string& output : inner.output()) {
      if (!output.empty()) renames[output] = "";
    }
  }
  for (int i = 0; i < branch.output_size(); ++i) {
    // Only the first use of a tensor that is given twice can have the name of what the If wrote.
    const auto found = renames.find(branch.output(i).name());
    if (found != renames.end() && found->second.empty() && !node.output(i).empty()) found->second = node.output(i);
  }
  for (const onnx::TensorProto& tensor : branch.initializer()) renames[tensor.name()] = "";
  // In the order of the branch, so that the result is always the same.
  for (const onnx::TensorProto& tensor : branch.initializer()) renames[tensor.name()] = names.Tensor(tensor.name());
  for (const onnx::NodeProto& inner : branch.node()) {
    for (const std::string& output : inner.output()) {
      if (!output.empty() && renames[output].empty()) renames[output] = names.Tensor(output);
    }
  }
  return renames;
}

// Puts the branch's nodes into `graph` in place of `node`.
void MoveIn(onnx::GraphProto branch, const onnx::NodeProto& node, UniqueNames& names, onnx::GraphProto* graph) {
  std::vector<std::string> outputs;
  for (const onnx::ValueInfoProto& output : branch.output()) outputs.push_back(output.name());
  const Renames renames = ChooseNames(branch, node, names);
  RenameAll(renames, &branch, false);
  for (onnx::TensorProto& tensor : *branch.mutable_initializer()) *graph->add_initializer() = std::move(tensor);
  for (onnx::NodeProto& inner : *branch.mutable_node()) {
    if (!inner.name().empty()) inner.set_name(names.Node(inner.name()));
    *graph->add_node() = std::move(inner);
  }
  for (int i = 0; i < node.output_size(); ++i) {
    const auto renamed = renames.find(outputs[static_cast<size_t>(i)]);
    const std::string source = renamed == renames.end() ? outputs[static_cast<size_t>(i)] : renamed->second;
    if (node.output(i).empty() || source == node.output(i)) continue;
    onnx::NodeProto* identity = graph->add_node();
    identity->set_op_type("Identity");
    identity->add_input(source);
    identity->add_output(node.output(i));
  }
}

}  // namespace

absl::StatusOr<int> InlineIf::Run(Graph& graph) const {
  struct Taken {
    onnx::NodeProto node;
    onnx::GraphProto branch;
  };
  std::vector<Taken> taken;
  std::vector<const onnx::NodeProto*> gone;
  for (onnx::NodeProto* node : graph.nodes()) {
    if (node->op_type() != "If") continue;
    std::optional<onnx::GraphProto> branch = TakeBranch(graph, node);
    if (!branch.has_value()) continue;
    taken.push_back({*node, *std::move(branch)});
    gone.push_back(node);
  }
  if (taken.empty()) return 0;
  for (const onnx::NodeProto* node : gone) graph.RemoveNode(node);
  // Without the Ifs, so that the names of their tensors are free for the nodes that will write them, and so are those
  // of the branches not taken.
  UniqueNames names(graph.model());
  for (const Taken& one : taken) {
    for (const std::string& output : one.node.output()) names.Tensor(output);
  }
  for (Taken& one : taken) MoveIn(std::move(one.branch), one.node, names, graph.mutable_model().mutable_graph());
  graph.Invalidate();
  RETURN_IF_ERROR(graph.SortTopologically());
  return static_cast<int>(taken.size());
}

}  // namespace joinery::compiler
