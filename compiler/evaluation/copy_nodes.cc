#include "compiler/evaluation/copy_nodes.h"

#include <algorithm>
#include <unordered_set>

#include "absl/strings/match.h"
#include "absl/strings/str_cat.h"
#include "base/status.h"
#include "compiler/frontend/convert_opset.h"
#include "compiler/ir/graph.h"

namespace joinery::compiler {
namespace {

using Rename = std::function<std::string(const std::string&)>;

void RenameOuterNames(onnx::GraphProto& graph, const Rename& rename, std::unordered_set<std::string> own);

void RenameInNestedGraphs(onnx::NodeProto& node, const Rename& rename, const std::unordered_set<std::string>& own) {
  for (onnx::AttributeProto& attribute : *node.mutable_attribute()) {
    if (attribute.has_g()) RenameOuterNames(*attribute.mutable_g(), rename, own);
    for (onnx::GraphProto& graph : *attribute.mutable_graphs()) RenameOuterNames(graph, rename, own);
  }
}

// `own`: names that a graph between this one and the main graph defines.
void RenameOuterNames(onnx::GraphProto& graph, const Rename& rename, std::unordered_set<std::string> own) {
  for (const onnx::ValueInfoProto& input : graph.input()) own.insert(input.name());
  for (const onnx::TensorProto& initializer : graph.initializer()) own.insert(initializer.name());
  for (const onnx::NodeProto& node : graph.node()) own.insert(node.output().begin(), node.output().end());
  const auto new_name = [&](const std::string& name) {
    return name.empty() || own.contains(name) ? name : rename(name);
  };
  for (onnx::NodeProto& node : *graph.mutable_node()) {
    for (std::string& input : *node.mutable_input()) input = new_name(input);
    RenameInNestedGraphs(node, rename, own);
  }
  for (onnx::ValueInfoProto& output : *graph.mutable_output()) output.set_name(new_name(output.name()));
}

onnx::OperatorSetIdProto* FindOpset(onnx::ModelProto& model, const std::string& domain) {
  for (onnx::OperatorSetIdProto& opset : *model.mutable_opset_import()) {
    if (opset.domain() == domain) return &opset;
  }
  return nullptr;
}

bool IsOnnxDomain(const std::string& domain) { return domain.empty() || domain == "ai.onnx"; }

}  // namespace

onnx::NodeProto CopyNode(const onnx::NodeProto& node, const Rename& rename) {
  onnx::NodeProto copy = node;
  copy.clear_name();
  for (std::string& input : *copy.mutable_input()) {
    if (!input.empty()) input = rename(input);
  }
  for (std::string& output : *copy.mutable_output()) {
    if (!output.empty()) output = rename(output);
  }
  RenameInNestedGraphs(copy, rename, {});
  return copy;
}

std::string UniquePrefix(const onnx::GraphProto& graph, std::string wish) {
  const auto is_taken = [&](const std::string& prefix) {
    const auto begins = [&](const std::string& name) { return absl::StartsWith(name, prefix); };
    return std::any_of(graph.input().begin(), graph.input().end(),
                       [&](const onnx::ValueInfoProto& input) { return begins(input.name()); }) ||
           std::any_of(graph.initializer().begin(), graph.initializer().end(),
                       [&](const onnx::TensorProto& initializer) { return begins(initializer.name()); }) ||
           std::any_of(graph.node().begin(), graph.node().end(), [&](const onnx::NodeProto& node) {
             return std::any_of(node.output().begin(), node.output().end(), begins);
           });
  };
  while (is_taken(wish)) wish += '_';
  return wish;
}

absl::Status UnifyOpsets(onnx::ModelProto& a, onnx::ModelProto& b) {
  RETURN_IF_ERROR(RaiseOpset(a, static_cast<int>(OpsetVersion(b))));
  RETURN_IF_ERROR(RaiseOpset(b, static_cast<int>(OpsetVersion(a))));
  for (const onnx::OperatorSetIdProto& opset : b.opset_import()) {
    if (IsOnnxDomain(opset.domain())) continue;
    const onnx::OperatorSetIdProto* known = FindOpset(a, opset.domain());
    if (known == nullptr) {
      *a.add_opset_import() = opset;
    } else if (known->version() != opset.version()) {
      return absl::InvalidArgumentError(absl::StrCat("the two models use versions ", known->version(), " and ",
                                                     opset.version(), " of the operators of ", opset.domain()));
    }
  }
  for (const onnx::FunctionProto& function : b.functions()) {
    const bool is_known =
        std::any_of(a.functions().begin(), a.functions().end(), [&](const onnx::FunctionProto& known) {
          return known.name() == function.name() && known.domain() == function.domain();
        });
    if (!is_known) *a.add_functions() = function;
  }
  a.set_ir_version(std::max(a.ir_version(), b.ir_version()));
  return absl::OkStatus();
}

}  // namespace joinery::compiler
