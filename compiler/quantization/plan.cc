#include "compiler/quantization/plan.h"

#include <algorithm>
#include <map>
#include <numeric>
#include <unordered_map>
#include <unordered_set>
#include <utility>

#include "absl/strings/str_cat.h"

namespace joinery::compiler {
namespace {

// A node that may become 8-bit, and the tensors it would read and write so.
struct Candidate {
  onnx::NodeProto* node;
  OperatorRole role;
  std::vector<std::string> inputs;
  std::vector<std::string> outputs;
  std::optional<LinearForm> linear;
};

bool IsFloat(Graph& graph, const std::string& tensor) { return graph.ElementType(tensor) == onnx::TensorProto::FLOAT; }

bool TouchesFloat(Graph& graph, const onnx::NodeProto& node) {
  bool touches = std::any_of(node.output().begin(), node.output().end(),
                             [&](const std::string& output) { return IsFloat(graph, output); });
  ForEachInput(node, [&](const std::string& input) { touches = touches || IsFloat(graph, input); });
  return touches;
}

v1::FloatNode StaysFloat(const onnx::NodeProto& node, const std::string& reason) {
  v1::FloatNode stays;
  stays.set_name(node.name().empty() ? node.output(0) : node.name());
  stays.set_op_type(node.op_type());
  stays.set_reason(reason);
  return stays;
}

class Planner {
 public:
  explicit Planner(Graph& graph) : graph_(graph) {}

  QuantizationPlan Plan(absl::Span<const onnx::NodeProto* const> left_out) {
    const std::unordered_set<const onnx::NodeProto*> skipped(left_out.begin(), left_out.end());
    for (onnx::NodeProto* node : graph_.nodes()) {
      if (!skipped.contains(node)) Consider(node);
    }
    SpreadThroughMoves();
    LeaveOutClippedTensors();
    CollectGroups();
    CollectNodes();
    return std::move(plan_);
  }

 private:
  void Consider(onnx::NodeProto* node) {
    if (!TouchesFloat(graph_, *node)) return;
    const OperatorRule* rule = FindOperatorRule(*node);
    if (HasNestedGraph(*node)) return KeepFloat(*node, "control flow is not quantized, nor what is inside");
    if (rule == nullptr) return KeepFloat(*node, absl::StrCat(node->op_type(), " has no 8-bit form here"));
    Candidate candidate{node, rule->role, {}, {}, std::nullopt};
    if (rule->role == OperatorRole::kLinear) {
      std::string reason;
      candidate.linear = FindLinearForm(graph_, *node, &reason);
      if (!candidate.linear.has_value()) {
        // A product of two activations is an operator like Mul.
        if (node->op_type() != "MatMul") return KeepFloat(*node, reason);
        candidate.role = OperatorRole::kCompute;
      }
    } else if (std::string obstacle = FindObstacle(graph_, *node); !obstacle.empty()) {
      return KeepFloat(*node, obstacle);
    }
    if (candidate.role == OperatorRole::kCompute && rule->role == OperatorRole::kLinear) {
      candidate.inputs.assign(node->input().begin(), node->input().end());
    } else if (rule->data_inputs.empty()) {
      candidate.inputs.assign(node->input().begin(), node->input().end());
    } else {
      for (const int index : rule->data_inputs) candidate.inputs.push_back(node->input(index));
    }
    for (const std::string& output : node->output()) {
      // MaxPool's second output is indices.
      if (!output.empty() && IsFloat(graph_, output)) candidate.outputs.push_back(output);
    }
    const auto is_float = [&](const std::string& tensor) { return IsFloat(graph_, tensor); };
    if (!std::all_of(candidate.inputs.begin(), candidate.inputs.end(), is_float) || candidate.outputs.empty()) {
      return KeepFloat(*node, "not all of its operands are float32");
    }
    candidates_.push_back(std::move(candidate));
  }

  void KeepFloat(const onnx::NodeProto& node, const std::string& reason) {
    plan_.float_nodes.push_back(StaysFloat(node, reason));
  }

  // An operator that computes makes its tensors 8-bit; one that moves values passes that on in both directions.
  void SpreadThroughMoves() {
    for (const Candidate& candidate : candidates_) {
      if (candidate.role != OperatorRole::kPassThrough) MarkAll(candidate);
    }
    bool changed = true;
    while (changed) {
      changed = false;
      for (const Candidate& candidate : candidates_) {
        if (candidate.role != OperatorRole::kPassThrough) continue;
        const auto is_marked = [&](const std::string& tensor) { return quantized_.contains(tensor); };
        if (std::any_of(candidate.inputs.begin(), candidate.inputs.end(), is_marked) ||
            std::any_of(candidate.outputs.begin(), candidate.outputs.end(), is_marked)) {
          changed |= MarkAll(candidate);
        }
      }
    }
  }

  bool MarkAll(const Candidate& candidate) {
    const size_t before = quantized_.size();
    quantized_.insert(candidate.inputs.begin(), candidate.inputs.end());
    quantized_.insert(candidate.outputs.begin(), candidate.outputs.end());
    return quantized_.size() > before;
  }

  void LeaveOutClippedTensors() {
    for (const Candidate& candidate : candidates_) {
      if (candidate.role == OperatorRole::kPassThrough || IsClipping(*candidate.node)) continue;
      const std::string& output = candidate.outputs.front();
      const std::vector<onnx::NodeProto*> readers = graph_.Consumers(output);
      if (candidate.outputs.size() == 1 && readers.size() == 1 && IsClipping(*readers.front()) &&
          !graph_.IsGraphOutput(output)) {
        quantized_.erase(output);
      }
    }
  }

  void CollectGroups() {
    // Union-find over tensors by number, in order of first appearance.
    for (const Candidate& candidate : candidates_) {
      for (const std::string& input : candidate.inputs) Number(input);
      for (const std::string& output : candidate.outputs) Number(output);
    }
    parent_.resize(names_.size());
    std::iota(parent_.begin(), parent_.end(), 0);
    for (const Candidate& candidate : candidates_) {
      if (candidate.role != OperatorRole::kPassThrough || !quantized_.contains(candidate.outputs.front())) continue;
      const int root = Number(candidate.outputs.front());
      for (const std::string& tensor : candidate.inputs) Unite(root, Number(tensor));
      for (const std::string& tensor : candidate.outputs) Unite(root, Number(tensor));
    }
    std::map<int, ActivationGroup> groups;
    for (int i = 0; i < static_cast<int>(names_.size()); ++i) {
      const std::string& name = names_[static_cast<size_t>(i)];
      if (!quantized_.contains(name)) continue;
      ActivationGroup& group = groups[Root(i)];
      (graph_.Initializer(name) != nullptr ? group.constants : group.tensors).push_back(name);
    }
    for (auto& [root, group] : groups) {
      group_of_root_[root] = static_cast<int>(plan_.groups.size());
      plan_.groups.push_back(std::move(group));
    }
  }

  void CollectNodes() {
    for (Candidate& candidate : candidates_) {
      if (candidate.role == OperatorRole::kPassThrough && !quantized_.contains(candidate.outputs.front())) {
        KeepFloat(*candidate.node, "nothing around it is 8-bit");
        continue;
      }
      plan_.quantized_nodes.push_back(candidate.node);
      if (candidate.linear.has_value()) {
        const int group = group_of_root_.at(Root(Number(candidate.inputs.front())));
        plan_.linear_nodes.push_back({candidate.node, *std::move(candidate.linear), group});
      }
    }
  }

  int Number(const std::string& tensor) {
    const auto [entry, is_new] = number_.try_emplace(tensor, static_cast<int>(names_.size()));
    if (is_new) names_.push_back(tensor);
    return entry->second;
  }

  int Root(int i) {
    while (parent_[static_cast<size_t>(i)] != i) i = parent_[static_cast<size_t>(i)];
    return i;
  }

  void Unite(int a, int b) {
    const int root_a = Root(a);
    const int root_b = Root(b);
    parent_[static_cast<size_t>(std::max(root_a, root_b))] = std::min(root_a, root_b);
  }

  Graph& graph_;
  QuantizationPlan plan_;
  std::vector<Candidate> candidates_;
  std::unordered_set<std::string> quantized_;
  std::unordered_map<std::string, int> number_;
  std::vector<std::string> names_;
  std::vector<int> parent_;
  std::unordered_map<int, int> group_of_root_;
};

}  // namespace

QuantizationPlan PlanQuantization(Graph& graph, absl::Span<const onnx::NodeProto* const> left_out) {
  return Planner(graph).Plan(left_out);
}

}  // namespace joinery::compiler
