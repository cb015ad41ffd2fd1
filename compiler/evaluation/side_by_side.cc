#include "compiler/evaluation/side_by_side.h"

#include <string>
#include <unordered_map>
#include <unordered_set>
#include <utility>

#include "absl/strings/str_cat.h"
#include "base/status.h"
#include "compiler/evaluation/copy_nodes.h"
#include "compiler/ir/graph.h"

namespace joinery::compiler {
namespace {

std::unordered_map<std::string, int32_t> InputTypes(const onnx::ModelProto& model) {
  std::unordered_set<std::string> constants;
  for (const onnx::TensorProto& initializer : model.graph().initializer()) constants.insert(initializer.name());
  std::unordered_map<std::string, int32_t> types;
  for (const onnx::ValueInfoProto& input : model.graph().input()) {
    if (!constants.contains(input.name())) types.emplace(input.name(), input.type().tensor_type().elem_type());
  }
  return types;
}

class SideBySide {
 public:
  SideBySide(const onnx::ModelProto& float_model, const onnx::ModelProto& quantized, absl::Span<const LayerPair> layers)
      : float_graph_(float_model.graph()), model_(quantized), layers_(layers) {}

  onnx::ModelProto Build(absl::Span<const size_t> wanted) {
    NameTensors();
    onnx::GraphProto& graph = *model_.mutable_graph();
    for (const onnx::TensorProto& initializer : float_graph_.initializer()) {
      onnx::TensorProto* constant = graph.add_initializer();
      *constant = initializer;
      constant->set_name(float_names_.at(initializer.name()));
    }
    for (const onnx::SparseTensorProto& initializer : float_graph_.sparse_initializer()) {
      onnx::SparseTensorProto* constant = graph.add_sparse_initializer();
      *constant = initializer;
      constant->mutable_values()->set_name(float_names_.at(initializer.values().name()));
    }
    graph.mutable_node()->Reserve(graph.node_size() + 2 * float_graph_.node_size() +
                                  3 * static_cast<int>(wanted.size()));
    for (const onnx::NodeProto& node : float_graph_.node()) {
      *graph.add_node() = CopyNode(node, [&](const std::string& name) { return NewName(float_names_, name); });
    }
    for (const onnx::NodeProto& node : float_graph_.node()) {
      const std::unordered_set<std::string> written(node.output().begin(), node.output().end());
      *graph.add_node() = CopyNode(node, [&](const std::string& name) {
        return written.contains(name) ? IsolatedName(name) : NewName(isolated_names_, name);
      });
    }
    graph.clear_output();
    graph.clear_value_info();
    for (const size_t i : wanted) {
      AddOutput(float_names_.at(layers_[i].tensor));
      const bool is_input = inputs_.contains(layers_[i].tensor);
      AddOutput(is_input ? layers_[i].tensor : IsolatedName(layers_[i].tensor));
      AddOutput(layers_[i].dequantized);
    }
    Graph view(std::move(model_));
    view.RemoveDeadNodes();
    return std::move(view).TakeModel();
  }

 private:
  using Names = std::unordered_map<std::string, std::string>;

  // A name that nobody defines stays, and the runtime names it.
  static std::string NewName(const Names& names, const std::string& name) {
    const auto found = names.find(name);
    return found == names.end() ? name : found->second;
  }

  std::string IsolatedName(const std::string& tensor) { return absl::StrCat(isolated_prefix_, tensor); }

  // What nodes of the float model read, in its two copies.
  void NameTensors() {
    const std::string float_prefix = UniquePrefix(model_.graph(), "float:");
    isolated_prefix_ = UniquePrefix(model_.graph(), "isolated:");
    output_prefix_ = UniquePrefix(model_.graph(), "output:");
    for (const onnx::ValueInfoProto& input : float_graph_.input()) {
      inputs_.insert(input.name());
      float_names_.emplace(input.name(), input.name());
    }
    for (const onnx::TensorProto& initializer : float_graph_.initializer()) {
      inputs_.erase(initializer.name());
      float_names_[initializer.name()] = absl::StrCat(float_prefix, initializer.name());
    }
    for (const onnx::SparseTensorProto& initializer : float_graph_.sparse_initializer()) {
      const std::string& name = initializer.values().name();
      float_names_[name] = absl::StrCat(float_prefix, name);
    }
    isolated_names_ = float_names_;
    for (const onnx::NodeProto& node : float_graph_.node()) {
      for (const std::string& output : node.output()) {
        float_names_.emplace(output, absl::StrCat(float_prefix, output));
        isolated_names_.emplace(output, IsolatedName(output));
      }
    }
    for (const LayerPair& layer : layers_) {
      if (layer.format.has_value()) isolated_names_[layer.tensor] = layer.dequantized;
    }
  }

  // Through an Identity, which costs a copy, only where it must be: an input may not be an output, and one tensor may
  // be wanted twice.
  void AddOutput(const std::string& tensor) {
    onnx::GraphProto& graph = *model_.mutable_graph();
    std::string name = tensor;
    if (inputs_.contains(tensor) || !outputs_.insert(tensor).second) {
      name = absl::StrCat(output_prefix_, graph.output_size());
      onnx::NodeProto* identity = graph.add_node();
      identity->set_op_type("Identity");
      identity->add_input(tensor);
      identity->add_output(name);
    }
    onnx::ValueInfoProto* output = graph.add_output();
    output->set_name(name);
    output->mutable_type()->mutable_tensor_type()->set_elem_type(onnx::TensorProto::FLOAT);
  }

  const onnx::GraphProto& float_graph_;
  onnx::ModelProto model_;
  absl::Span<const LayerPair> layers_;
  std::unordered_set<std::string> inputs_;
  std::unordered_set<std::string> outputs_;
  std::string isolated_prefix_;
  std::string output_prefix_;
  Names float_names_;
  Names isolated_names_;
};

}  // namespace

absl::Status CheckSameInputs(const onnx::ModelProto& float_model, const onnx::ModelProto& quantized) {
  const auto expected = InputTypes(float_model);
  const auto actual = InputTypes(quantized);
  for (const auto& [name, type] : expected) {
    const auto found = actual.find(name);
    if (found == actual.end() || found->second != type || actual.size() != expected.size()) {
      return absl::InvalidArgumentError(
          absl::StrCat("the float and the quantized model take different inputs (\"", name, "\" of the float model)"));
    }
  }
  return absl::OkStatus();
}

absl::StatusOr<onnx::ModelProto> PutSideBySide(const onnx::ModelProto& float_model, const onnx::ModelProto& quantized,
                                               absl::Span<const LayerPair> layers, absl::Span<const size_t> wanted) {
  RETURN_IF_ERROR(CheckSameInputs(float_model, quantized));
  return SideBySide(float_model, quantized, layers).Build(wanted);
}

}  // namespace joinery::compiler
