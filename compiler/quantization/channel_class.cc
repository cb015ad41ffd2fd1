#include "compiler/quantization/channel_class.h"

#include <algorithm>
#include <map>
#include <numeric>
#include <optional>
#include <unordered_map>
#include <unordered_set>

#include "compiler/ir/tensor_proto.h"

namespace joinery::compiler {
namespace {

using Shape = std::vector<int64_t>;

const std::unordered_set<std::string>& KeepsChannels() {
  static const auto* operators = new std::unordered_set<std::string>{
      "Relu", "LeakyRelu", "Identity", "Dropout", "MaxPool", "AveragePool", "GlobalAveragePool", "GlobalMaxPool",
  };
  return *operators;
}

std::optional<float> ScalarInput(Graph& graph, const onnx::NodeProto& node, int index) {
  if (node.input_size() <= index || node.input(index).empty()) return std::nullopt;
  const onnx::TensorProto* constant = graph.Initializer(node.input(index));
  if (constant == nullptr) return std::nullopt;
  const absl::StatusOr<std::vector<float>> values = FloatValues(*constant);
  if (!values.ok() || values->size() != 1) return std::nullopt;
  return values->front();
}

class Finder {
 public:
  Finder(Graph& graph, const QuantizationPlan& plan, const std::vector<LinearWeights>& weights)
      : graph_(graph), plan_(plan), weights_(weights) {}

  std::vector<ChannelClass> Find() {
    for (size_t i = 0; i < plan_.linear_nodes.size(); ++i) linear_[plan_.linear_nodes[i].node] = i;
    for (const ActivationGroup& group : plan_.groups) quantized_.insert(group.tensors.begin(), group.tensors.end());
    for (const onnx::NodeProto* node : graph_.nodes()) Visit(*node);
    for (const onnx::ValueInfoProto& output : graph_.proto().output()) Block(output.name());
    for (const onnx::ValueInfoProto& input : graph_.proto().input()) Block(input.name());
    for (const onnx::TensorProto& constant : graph_.proto().initializer()) {
      if (number_.contains(constant.name())) Block(constant.name());
    }
    return Collect();
  }

 private:
  void Visit(const onnx::NodeProto& node) {
    if (const auto linear = linear_.find(&node); linear != linear_.end() && VisitLinear(node, linear->second)) return;
    if (!HasNestedGraph(node) && VisitHomogeneous(node)) return;
    ForEachInput(node, [this](const std::string& input) { Block(input); });
    for (const std::string& output : node.output()) Block(output);
  }

  bool VisitLinear(const onnx::NodeProto& node, size_t index) {
    const LinearWeights& weights = weights_[index];
    const LinearForm& form = plan_.linear_nodes[index].form;
    if (weights.outputs == 0 || graph_.IsGraphOutput(form.weights) || graph_.Consumers(form.weights).size() != 1 ||
        (!form.bias.empty() && graph_.Consumers(form.bias).size() != 1)) {
      return false;
    }
    if (ChannelsOf(node.input(0)) != weights.inputs || ChannelsOf(node.output(0)) != weights.outputs) return false;
    // Channels of a matrix product are its last dimension.
    if (node.op_type() == "MatMul" && graph_.Shape(node.input(0))->size() != 2) return false;
    consumers_.push_back({Number(node.input(0)), index});
    producers_.push_back({Number(node.output(0)), index});
    return true;
  }

  // Unites what the node reads and writes if it passes multiples of channels on.
  bool VisitHomogeneous(const onnx::NodeProto& node) {
    const std::string& type = node.op_type();
    const std::string& output = node.output(0);
    if (type == "Add") {
      const auto left = graph_.Shape(node.input(0));
      const auto right = graph_.Shape(node.input(1));
      const bool computed =
          graph_.Initializer(node.input(0)) == nullptr && graph_.Initializer(node.input(1)) == nullptr;
      if (!computed || !left.has_value() || left != right) return false;
      return Unite(node.input(0), output) && Unite(node.input(1), output);
    }
    if (type == "Clip") {
      const std::optional<float> low = ScalarInput(graph_, node, 1);
      const std::optional<float> high = ScalarInput(graph_, node, 2);
      const bool is_limited = node.input_size() > 2 && !node.input(2).empty();
      // How close a tensor comes to its limit is known only where it was observed.
      if (low != 0.0F || (is_limited && !(high > 0.0F && quantized_.contains(output)))) return false;
      if (is_limited) limits_.push_back({Number(output), *high});
      return Unite(node.input(0), output);
    }
    if (type == "Flatten" || type == "Reshape" || type == "Squeeze") {
      // Only where one value of each channel is left.
      const auto from = graph_.Shape(node.input(0));
      const auto to = graph_.Shape(output);
      const bool keeps = from.has_value() && to.has_value() && from->size() >= 2 && to->size() >= 2 &&
                         (*from)[0] == (*to)[0] && (*from)[1] == (*to)[1] && Size(*from) == (*from)[0] * (*from)[1] &&
                         Size(*to) == Size(*from);
      return keeps && Unite(node.input(0), output);
    }
    if (type == "ReduceMean") {
      const auto from = graph_.Shape(node.input(0));
      const auto to = graph_.Shape(output);
      const bool keeps = from.has_value() && to.has_value() && from->size() == 4 && to->size() >= 2 &&
                         Size(*to) == (*from)[0] * (*from)[1] && (*from)[0] == (*to)[0] && (*from)[1] == (*to)[1];
      return keeps && ReducesPositions(node) && Unite(node.input(0), output);
    }
    if (!KeepsChannels().contains(type) || node.output_size() != 1) return false;
    return Unite(node.input(0), output);
  }

  // Whether a ReduceMean of [N, C, H, W] is one over H and W.
  bool ReducesPositions(const onnx::NodeProto& node) {
    std::vector<int64_t> axes = IntsAttribute(node, "axes");
    if (node.input_size() > 1 && !node.input(1).empty()) {
      const onnx::TensorProto* constant = graph_.Initializer(node.input(1));
      if (constant == nullptr) return false;
      const absl::StatusOr<std::vector<int64_t>> values = IntValues(*constant);
      if (!values.ok()) return false;
      axes = *values;
    }
    for (int64_t& axis : axes) axis += axis < 0 ? 4 : 0;
    std::sort(axes.begin(), axes.end());
    return axes == std::vector<int64_t>{2, 3};
  }

  static int64_t Size(const Shape& shape) {
    return std::accumulate(shape.begin(), shape.end(), int64_t{1}, std::multiplies<>());
  }

  // 0 if they are not known.
  int64_t ChannelsOf(const std::string& tensor) {
    const auto shape = graph_.Shape(tensor);
    return shape.has_value() && shape->size() >= 2 ? (*shape)[1] : 0;
  }

  size_t Number(const std::string& tensor) {
    const auto [entry, is_new] = number_.try_emplace(tensor, names_.size());
    if (is_new) {
      names_.push_back(tensor);
      parent_.push_back(parent_.size());
    }
    return entry->second;
  }

  size_t Root(size_t i) {
    while (parent_[i] != i) i = parent_[i] = parent_[parent_[i]];
    return i;
  }

  bool Unite(const std::string& a, const std::string& b) {
    if (ChannelsOf(a) == 0 || ChannelsOf(a) != ChannelsOf(b)) return false;
    const size_t root_a = Root(Number(a));
    const size_t root_b = Root(Number(b));
    parent_[std::max(root_a, root_b)] = std::min(root_a, root_b);
    return true;
  }

  void Block(const std::string& tensor) {
    if (!tensor.empty()) blocked_.push_back(Number(tensor));
  }

  std::vector<ChannelClass> Collect() {
    std::map<size_t, ChannelClass> classes;
    for (size_t i = 0; i < names_.size(); ++i) {
      ChannelClass& tied = classes[Root(i)];
      tied.tensors.push_back(names_[i]);
      tied.channels = ChannelsOf(names_[i]);
    }
    for (const auto& [tensor, linear] : producers_) classes[Root(tensor)].producers.push_back(linear);
    for (const auto& [tensor, linear] : consumers_) classes[Root(tensor)].consumers.push_back(linear);
    for (const auto& [tensor, limit] : limits_) {
      float& lowest = classes[Root(tensor)].limit;
      lowest = std::min(lowest, limit);
    }
    for (const size_t tensor : blocked_) classes.erase(Root(tensor));
    std::vector<ChannelClass> found;
    for (auto& [root, tied] : classes) {
      if (!tied.producers.empty() && !tied.consumers.empty() && tied.channels > 1) found.push_back(std::move(tied));
    }
    return found;
  }

  struct OfTensor {
    size_t tensor;
    size_t linear;
  };
  struct LimitOfTensor {
    size_t tensor;
    float limit;
  };

  Graph& graph_;
  const QuantizationPlan& plan_;
  const std::vector<LinearWeights>& weights_;
  std::unordered_map<const onnx::NodeProto*, size_t> linear_;
  std::unordered_set<std::string> quantized_;
  std::unordered_map<std::string, size_t> number_;
  std::vector<std::string> names_;
  std::vector<size_t> parent_;
  std::vector<size_t> blocked_;
  std::vector<OfTensor> producers_;
  std::vector<OfTensor> consumers_;
  std::vector<LimitOfTensor> limits_;
};

}  // namespace

std::vector<ChannelClass> FindChannelClasses(Graph& graph, const QuantizationPlan& plan,
                                             const std::vector<LinearWeights>& weights) {
  return Finder(graph, plan, weights).Find();
}

}  // namespace joinery::compiler
