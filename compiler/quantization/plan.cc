#include "compiler/quantization/plan.h"

#include <algorithm>
#include <numeric>
#include <unordered_map>
#include <unordered_set>
#include <utility>

#include "absl/strings/str_cat.h"
#include "absl/strings/str_join.h"

namespace joinery::compiler {
namespace {

// Enough to recognise what is inside of a node, few enough to read.
constexpr size_t kNestedNodesShown = 12;

// A node that may become 8-bit, and the tensors it would read and write so, by number.
struct Candidate {
  onnx::NodeProto* node;
  OperatorRole role;
  v1::LayerBits bits;
  std::vector<int> inputs;
  std::vector<int> outputs;
  std::optional<LinearForm> linear;
};

bool IsFloat(Graph& graph, const std::string& tensor) { return graph.ElementType(tensor) == onnx::TensorProto::FLOAT; }

bool TouchesFloat(Graph& graph, const onnx::NodeProto& node) {
  bool touches = std::any_of(node.output().begin(), node.output().end(),
                             [&](const std::string& output) { return IsFloat(graph, output); });
  ForEachInput(node, [&](const std::string& input) { touches = touches || IsFloat(graph, input); });
  return touches;
}

std::string NameOf(const onnx::NodeProto& node) {
  return node.name().empty() && node.output_size() > 0 ? node.output(0) : node.name();
}

v1::FloatNode StaysFloat(const onnx::NodeProto& node, const std::string& reason) {
  v1::FloatNode stays;
  stays.set_name(NameOf(node));
  stays.set_op_type(node.op_type());
  stays.set_reason(reason);
  return stays;
}

void ForEachNestedNode(const onnx::NodeProto& node, const std::function<void(const onnx::NodeProto&)>& visit) {
  const auto visit_all = [&](const onnx::GraphProto& graph) {
    for (const onnx::NodeProto& nested : graph.node()) {
      if (nested.op_type() != "Constant") visit(nested);
      ForEachNestedNode(nested, visit);
    }
  };
  for (const onnx::AttributeProto& attribute : node.attribute()) {
    if (attribute.has_g()) visit_all(attribute.g());
    for (const onnx::GraphProto& graph : attribute.graphs()) visit_all(graph);
  }
}

std::string ControlFlowReason(const onnx::NodeProto& node) {
  std::vector<std::string> shown;
  size_t count = 0;
  ForEachNestedNode(node, [&](const onnx::NodeProto& nested) {
    if (++count <= kNestedNodesShown) shown.push_back(absl::StrCat(NameOf(nested), " (", nested.op_type(), ")"));
  });
  return absl::StrCat("control flow is not quantized, nor what is inside",
                      count == 0 ? "" : absl::StrCat(": ", absl::StrJoin(shown, ", ")),
                      count > shown.size() ? absl::StrCat(" and ", count - shown.size(), " more") : "");
}

class Planner {
 public:
  Planner(Graph& graph, const BitsOfNode& bits_of) : graph_(graph), bits_of_(bits_of) {}

  QuantizationPlan Plan(absl::Span<const onnx::NodeProto* const> left_out) {
    const std::unordered_set<const onnx::NodeProto*> skipped(left_out.begin(), left_out.end());
    for (onnx::NodeProto* node : graph_.nodes()) {
      if (!skipped.contains(node)) Consider(node);
    }
    parent_.resize(names_.size());
    std::iota(parent_.begin(), parent_.end(), 0);
    UniteThroughMoves();
    MarkComputed();
    LeaveOutClippedTensors();
    CollectGroups();
    WidenGroups();
    CollectNodes();
    return std::move(plan_);
  }

 private:
  void Consider(onnx::NodeProto* node) {
    if (!TouchesFloat(graph_, *node)) return;
    if (HasNestedGraph(*node)) return KeepFloat(*node, ControlFlowReason(*node));
    const v1::LayerBits bits = bits_of_ ? bits_of_(*node) : v1::LAYER_BITS_8;
    if (bits == v1::LAYER_BITS_FLOAT) return KeepFloat(*node, "left float by configuration");
    const OperatorRule* rule = FindOperatorRule(*node);
    if (rule == nullptr) return KeepFloat(*node, absl::StrCat(node->op_type(), " has no 8-bit form here"));
    Candidate candidate{node, rule->role, bits, {}, {}, std::nullopt};
    std::vector<int> data_inputs = rule->data_inputs;
    if (rule->role == OperatorRole::kLinear) {
      std::string reason;
      candidate.linear = FindLinearForm(graph_, *node, &reason);
      if (!candidate.linear.has_value()) {
        // A product of two activations is an operator like Mul.
        if (node->op_type() != "MatMul") return KeepFloat(*node, reason);
        candidate.role = OperatorRole::kCompute;
        data_inputs.clear();
      }
    } else if (std::string obstacle = FindObstacle(graph_, *node); !obstacle.empty()) {
      return KeepFloat(*node, obstacle);
    }
    std::vector<std::string> inputs;
    if (data_inputs.empty()) inputs.assign(node->input().begin(), node->input().end());
    for (const int index : data_inputs) inputs.push_back(node->input(index));
    const auto is_float = [&](const std::string& tensor) { return IsFloat(graph_, tensor); };
    // MaxPool's second output is indices.
    std::vector<std::string> outputs;
    std::copy_if(node->output().begin(), node->output().end(), std::back_inserter(outputs), is_float);
    if (outputs.empty() || !std::all_of(inputs.begin(), inputs.end(), is_float)) {
      return KeepFloat(*node, "not all of its operands are float32");
    }
    for (const std::string& input : inputs) candidate.inputs.push_back(Number(input));
    for (const std::string& output : outputs) candidate.outputs.push_back(Number(output));
    candidates_.push_back(std::move(candidate));
  }

  void KeepFloat(const onnx::NodeProto& node, const std::string& reason) {
    plan_.float_nodes.push_back(StaysFloat(node, reason));
  }

  void UniteThroughMoves() {
    for (const Candidate& candidate : candidates_) {
      if (candidate.role != OperatorRole::kPassThrough) continue;
      for (const int tensor : candidate.inputs) Unite(candidate.outputs.front(), tensor);
      for (const int tensor : candidate.outputs) Unite(candidate.outputs.front(), tensor);
    }
  }

  // An operator that computes makes its tensors 8-bit, and those that share a scale with them.
  void MarkComputed() {
    is_quantized_.resize(names_.size(), false);
    for (const Candidate& candidate : candidates_) {
      if (candidate.role == OperatorRole::kPassThrough) continue;
      for (const int tensor : candidate.inputs) is_quantized_[At(Root(tensor))] = true;
      for (const int tensor : candidate.outputs) is_quantized_[At(Root(tensor))] = true;
    }
    for (size_t i = 0; i < names_.size(); ++i) is_quantized_[i] = is_quantized_[At(Root(static_cast<int>(i)))];
  }

  void LeaveOutClippedTensors() {
    std::unordered_set<const onnx::NodeProto*> clipping;
    for (const Candidate& candidate : candidates_) {
      if (IsClipping(*candidate.node)) clipping.insert(candidate.node);
    }
    for (const Candidate& candidate : candidates_) {
      if (candidate.role == OperatorRole::kPassThrough || IsClipping(*candidate.node)) continue;
      const int output = candidate.outputs.front();
      const std::string& name = names_[At(output)];
      const std::vector<onnx::NodeProto*> readers = graph_.Consumers(name);
      if (candidate.outputs.size() != 1 || readers.size() != 1 || !clipping.contains(readers.front()) ||
          graph_.IsGraphOutput(name)) {
        continue;
      }
      is_quantized_[At(output)] = false;
      clipped_.emplace(output, readers.front());
    }
  }

  void CollectGroups() {
    std::unordered_map<int, int> group_of_root;
    group_of_.resize(names_.size(), -1);
    for (size_t i = 0; i < names_.size(); ++i) {
      if (!is_quantized_[i]) continue;
      const auto [entry, is_new] =
          group_of_root.try_emplace(Root(static_cast<int>(i)), static_cast<int>(plan_.groups.size()));
      if (is_new) plan_.groups.emplace_back();
      group_of_[i] = entry->second;
      ActivationGroup& group = plan_.groups[At(entry->second)];
      (graph_.Initializer(names_[i]) != nullptr ? group.constants : group.tensors).push_back(names_[i]);
    }
  }

  void WidenGroups() {
    for (const Candidate& candidate : candidates_) {
      if (candidate.role == OperatorRole::kPassThrough || candidate.bits != v1::LAYER_BITS_16) continue;
      for (const int tensor : candidate.inputs) Widen(tensor);
      for (const int tensor : candidate.outputs) Widen(tensor);
    }
  }

  void Widen(int tensor) {
    // The operator's result is what the activation behind it leaves.
    const auto clipped = clipped_.find(tensor);
    if (clipped != clipped_.end()) {
      tensor = number_.at(clipped->second->output(0));
    }
    if (const int group = group_of_[At(tensor)]; group >= 0) plan_.groups[At(group)].bits = 16;
  }

  void CollectNodes() {
    for (Candidate& candidate : candidates_) {
      if (candidate.role == OperatorRole::kPassThrough && !is_quantized_[At(candidate.outputs.front())]) {
        KeepFloat(*candidate.node, "nothing around it is 8-bit");
        continue;
      }
      plan_.quantized_nodes.push_back(candidate.node);
      if (candidate.linear.has_value()) {
        const int group = group_of_[At(candidate.inputs.front())];
        plan_.linear_nodes.push_back({candidate.node, *std::move(candidate.linear), group});
      }
    }
  }

  int Number(const std::string& tensor) {
    const auto [entry, is_new] = number_.try_emplace(tensor, static_cast<int>(names_.size()));
    if (is_new) names_.push_back(tensor);
    return entry->second;
  }

  static size_t At(int i) { return static_cast<size_t>(i); }

  int Root(int i) {
    while (parent_[At(i)] != i) {
      parent_[At(i)] = parent_[At(parent_[At(i)])];
      i = parent_[At(i)];
    }
    return i;
  }

  void Unite(int a, int b) {
    const int root_a = Root(a);
    const int root_b = Root(b);
    parent_[At(std::max(root_a, root_b))] = std::min(root_a, root_b);
  }

  Graph& graph_;
  const BitsOfNode& bits_of_;
  QuantizationPlan plan_;
  std::vector<Candidate> candidates_;
  // Tensors have numbers in the order in which the candidates name them.
  std::unordered_map<std::string, int> number_;
  std::vector<std::string> names_;
  // Union-find over tensors that share a scale.
  std::vector<int> parent_;
  std::vector<bool> is_quantized_;
  // Tensors without a scale of their own, and the activations that read them.
  std::unordered_map<int, const onnx::NodeProto*> clipped_;
  // -1: none.
  std::vector<int> group_of_;
};

}  // namespace

QuantizationPlan PlanQuantization(Graph& graph, absl::Span<const onnx::NodeProto* const> left_out,
                                  const BitsOfNode& bits_of) {
  return Planner(graph, bits_of).Plan(left_out);
}

}  // namespace joinery::compiler
