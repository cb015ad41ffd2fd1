#include "compiler/frontend/unique_names.h"

#include "absl/strings/str_cat.h"

namespace joinery::compiler {

UniqueNames::UniqueNames(const onnx::ModelProto& model) { Collect(model.graph()); }

void UniqueNames::Collect(const onnx::GraphProto& graph) {
  for (const onnx::ValueInfoProto& input : graph.input()) tensors_.insert(input.name());
  for (const onnx::ValueInfoProto& output : graph.output()) tensors_.insert(output.name());
  for (const onnx::TensorProto& tensor : graph.initializer()) tensors_.insert(tensor.name());
  for (const onnx::SparseTensorProto& sparse : graph.sparse_initializer()) tensors_.insert(sparse.values().name());
  for (const onnx::NodeProto& node : graph.node()) {
    nodes_.insert(node.name());
    tensors_.insert(node.output().begin(), node.output().end());
    for (const onnx::AttributeProto& attribute : node.attribute()) {
      if (attribute.has_g()) Collect(attribute.g());
      for (const onnx::GraphProto& nested : attribute.graphs()) Collect(nested);
    }
  }
}

std::string UniqueNames::Take(const std::string& wish, std::unordered_set<std::string>& taken) {
  std::string name = wish;
  for (int number = 1; !taken.insert(name).second; ++number) name = absl::StrCat(wish, "_", number);
  return name;
}

}  // namespace joinery::compiler
