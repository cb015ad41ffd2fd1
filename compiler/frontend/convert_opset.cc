#include "compiler/frontend/convert_opset.h"

#include <algorithm>
#include <exception>
#include <string>
#include <unordered_map>
#include <utility>

#include "absl/strings/str_cat.h"
#include "absl/strings/str_replace.h"
#include "base/status.h"
#include "compiler/frontend/infer_shapes.h"
#include "compiler/ir/graph.h"
#include "onnx/version_converter/convert.h"

namespace joinery::compiler {
namespace {

// What is larger than this are weights, whose values no conversion looks at.
constexpr size_t kSmallBytes = 4096;

// The data of large initializers, by name, taken out of a model: the converter copies a model several times.
class SetAsideWeights {
 public:
  explicit SetAsideWeights(onnx::ModelProto& model) {
    for (onnx::TensorProto& tensor : *model.mutable_graph()->mutable_initializer()) {
      if (tensor.raw_data().size() <= kSmallBytes) continue;
      weights_[tensor.name()] = std::move(*tensor.mutable_raw_data());
      tensor.mutable_raw_data()->clear();
    }
  }

  void PutBack(onnx::ModelProto& model) {
    for (onnx::TensorProto& tensor : *model.mutable_graph()->mutable_initializer()) {
      const auto found = weights_.find(tensor.name());
      if (found != weights_.end()) *tensor.mutable_raw_data() = std::move(found->second);
    }
  }

 private:
  std::unordered_map<std::string, std::string> weights_;
};

// The converter looks at the nodes of the main graph only: others must mean the same in both opsets.
absl::Status CheckNestedNodes(const onnx::GraphProto& graph, int from, int to) {
  for (const onnx::NodeProto& node : graph.node()) {
    const onnx::OpSchema* old_schema = onnx::OpSchemaRegistry::Schema(node.op_type(), from, node.domain());
    const onnx::OpSchema* new_schema = onnx::OpSchemaRegistry::Schema(node.op_type(), to, node.domain());
    const bool takes_same = old_schema != nullptr && new_schema != nullptr && !new_schema->Deprecated() &&
                            old_schema->inputs().size() == new_schema->inputs().size() &&
                            old_schema->attributes().size() == new_schema->attributes().size() &&
                            node.op_type() != "Softmax" && node.op_type() != "LogSoftmax";
    if (!takes_same) {
      return absl::UnimplementedError(absl::StrCat("node ", Describe(node),
                                                   " is inside another node and differs between opset ", from, " and ",
                                                   to, "; export the model with opset ", to, " or newer"));
    }
    for (const onnx::AttributeProto& attribute : node.attribute()) {
      if (attribute.has_g()) RETURN_IF_ERROR(CheckNestedNodes(attribute.g(), from, to));
    }
  }
  return absl::OkStatus();
}

using NodesByOutput = std::unordered_map<std::string, const onnx::NodeProto*>;

NodesByOutput FindNodes(const onnx::GraphProto& graph) {
  NodesByOutput nodes;
  for (const onnx::NodeProto& node : graph.node()) {
    if (node.output_size() > 0) nodes[node.output(0)] = &node;
  }
  return nodes;
}

bool HaveSameNames(const google::protobuf::RepeatedPtrField<onnx::ValueInfoProto>& left,
                   const google::protobuf::RepeatedPtrField<onnx::ValueInfoProto>& right) {
  return std::equal(left.begin(), left.end(), right.begin(), right.end(),
                    [](const auto& one, const auto& other) { return one.name() == other.name(); });
}

absl::StatusOr<onnx::ModelProto> Convert(const onnx::ModelProto& model, int opset) {
  try {
    return onnx::version_conversion::ConvertVersion(model, opset);
  } catch (const std::exception& error) {
    return absl::UnimplementedError(absl::StrCat("cannot raise the model from opset ", OpsetVersion(model), " to ",
                                                 opset, ": ", absl::StrReplaceAll(error.what(), {{"\n", " "}})));
  }
}

}  // namespace

absl::Status RaiseOpset(onnx::ModelProto& model, int opset) {
  const int from = static_cast<int>(OpsetVersion(model));
  if (from >= opset) return absl::OkStatus();
  for (const onnx::NodeProto& node : model.graph().node()) {
    for (const onnx::AttributeProto& attribute : node.attribute()) {
      if (attribute.has_g()) RETURN_IF_ERROR(CheckNestedNodes(attribute.g(), from, opset));
    }
  }
  SetAsideWeights weights(model);
  ASSIGN_OR_RETURN(onnx::ModelProto converted, Convert(model, opset));
  weights.PutBack(converted);
  if (!HaveSameNames(model.graph().input(), converted.graph().input()) ||
      !HaveSameNames(model.graph().output(), converted.graph().output())) {
    return absl::UnimplementedError(absl::StrCat("raising the model from opset ", from, " to ", opset,
                                                 " loses an input or output; export it with opset ", opset));
  }
  // The converter names nodes anew that had no name, and loses some. What it adds to a node may write the node's
  // tensor.
  const NodesByOutput old_nodes = FindNodes(model.graph());
  for (onnx::NodeProto& node : *converted.mutable_graph()->mutable_node()) {
    const auto old = node.output_size() == 0 ? old_nodes.end() : old_nodes.find(node.output(0));
    if (old != old_nodes.end() && old->second->op_type() == node.op_type()) node.set_name(old->second->name());
  }
  model = std::move(converted);
  return absl::OkStatus();
}

bool TryRaiseOpset(Graph& graph, int opset) {
  if (OpsetVersion(graph.model()) >= opset) return true;
  onnx::ModelProto raised = graph.model();
  if (!RaiseOpset(raised, opset).ok() || !InferShapes(raised).ok()) return false;
  graph.mutable_model() = std::move(raised);
  graph.Invalidate();
  return graph.SortTopologically().ok();
}

}  // namespace joinery::compiler
