#include "compiler/frontend/weight_editor.h"

#include <algorithm>

namespace joinery::compiler {

UniqueNames& WeightEditor::names() {
  if (!names_.has_value()) names_.emplace(graph_.model());
  return *names_;
}

bool WeightEditor::IsReadOnlyBy(const onnx::NodeProto* node, const std::string& tensor) {
  return graph_.Consumers(tensor).size() == 1 && !graph_.IsGraphOutput(tensor) &&
         std::count(node->input().begin(), node->input().end(), tensor) == 1;
}

std::string WeightEditor::Add(std::vector<int64_t> shape, absl::Span<const float> values, const std::string& wish) {
  std::string name = names().Tensor(wish);
  added_.push_back(FloatProto(name, std::move(shape), values));
  return name;
}

void WeightEditor::Replace(onnx::NodeProto* node, int index, std::vector<int64_t> shape, absl::Span<const float> values,
                           const std::string& wish) {
  const std::string old_name = index < node->input_size() ? node->input(index) : "";
  if (!old_name.empty() && IsReadOnlyBy(node, old_name)) {
    replaced_[old_name] = FloatProto(old_name, std::move(shape), values);
  } else {
    inputs_.push_back({node, index, Add(std::move(shape), values, wish)});
  }
}

void WeightEditor::Apply() {
  onnx::GraphProto* graph = graph_.mutable_model().mutable_graph();
  if (!replaced_.empty()) {
    for (onnx::TensorProto& tensor : *graph->mutable_initializer()) {
      if (const auto found = replaced_.find(tensor.name()); found != replaced_.end()) tensor.Swap(&found->second);
    }
  }
  for (onnx::TensorProto& tensor : added_) *graph->add_initializer() = std::move(tensor);
  for (const Input& input : inputs_) {
    while (input.node->input_size() <= input.index) input.node->add_input();
    input.node->set_input(input.index, input.tensor);
  }
  graph_.Invalidate();
}

}  // namespace joinery::compiler
