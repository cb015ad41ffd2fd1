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
  bool is_pointwise = false;
  bool is_clipping = false;
  // Set if it turned out to stay float.
  bool is_dropped = false;
  // The tensor that it is a function of, value by value; -1 if there is none.
  int argument = -1;
  // A clipping activation that cuts off what the operator before it computes.
  bool is_merged = false;
};

// Sets of numbers that can be united.
class DisjointSets {
 public:
  void Resize(size_t size) {
    parent_.resize(size);
    std::iota(parent_.begin(), parent_.end(), 0);
  }

  // The smallest number of the set.
  int Root(int i) {
    while (At(i) != i) {
      At(i) = At(At(i));
      i = At(i);
    }
    return i;
  }

  void Unite(int a, int b) {
    const int root_a = Root(a);
    const int root_b = Root(b);
    At(std::max(root_a, root_b)) = std::min(root_a, root_b);
  }

 private:
  int& At(int i) { return parent_[static_cast<size_t>(i)]; }

  std::vector<int> parent_;
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
    NumberTensors();
    FindTables();
    UniteThroughMoves();
    MarkComputed();
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
    candidate.is_pointwise = IsPointwise(graph_, *node);
    candidate.is_clipping = IsClipping(graph_, *node);
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
    candidate_of_.emplace(node, candidates_.size());
    candidates_.push_back(std::move(candidate));
  }

  void KeepFloat(const onnx::NodeProto& node, const std::string& reason) {
    plan_.float_nodes.push_back(StaysFloat(node, reason));
  }

  void NumberTensors() {
    scales_.Resize(names_.size());
    is_scalar_.reserve(names_.size());
    for (const std::string& name : names_) is_scalar_.push_back(IsScalarConstant(graph_, name));
    has_scale_.resize(names_.size(), false);
    is_quantized_.resize(names_.size(), false);
    group_of_.resize(names_.size(), -1);
    argument_.resize(names_.size());
  }

  Candidate* CandidateFor(const onnx::NodeProto* node) {
    const auto found = candidate_of_.find(node);
    if (found == candidate_of_.end() || candidates_[found->second].is_dropped) return nullptr;
    return &candidates_[found->second];
  }

  // Pointwise operators that hang together and depend on one tensor are one function of it, however many nodes it is
  // spelled out in: a table of 256 values. Only the ends get scales. A tensor inside that others read as well becomes
  // an end, and the argument of what follows.
  void FindTables() {
    bool changed = true;
    while (changed) {
      changed = false;
      FindArguments();
      for (Candidate& candidate : candidates_) {
        if (candidate.is_dropped) continue;
        const int output = candidate.outputs.front();
        if (IsInside(output) && !IsReadInsideOnly(output)) {
          has_scale_[At(output)] = true;
          changed = true;
        }
        if (const std::string obstacle = FindObstacleToEnds(candidate); !obstacle.empty()) {
          KeepFloat(*candidate.node, obstacle);
          candidate.is_dropped = true;
          changed = true;
        }
      }
    }
    std::erase_if(candidates_, [](const Candidate& candidate) { return candidate.is_dropped; });
    candidate_of_.clear();
    for (size_t i = 0; i < candidates_.size(); ++i) candidate_of_.emplace(candidates_[i].node, i);
  }

  void FindArguments() {
    std::iota(argument_.begin(), argument_.end(), 0);
    for (Candidate& candidate : candidates_) {
      candidate.argument = -1;
      candidate.is_merged = false;
      if (candidate.is_dropped || !candidate.is_pointwise) continue;
      candidate.argument = OnlyArgument(candidate);
      if (candidate.argument < 0) continue;
      candidate.is_merged = candidate.is_clipping && CutsOffAResult(candidate);
      const int output = candidate.outputs.front();
      if (!candidate.is_merged && !has_scale_[At(output)]) argument_[At(output)] = candidate.argument;
    }
  }

  int OnlyArgument(const Candidate& candidate) const {
    int only = -1;
    for (const int input : candidate.inputs) {
      if (is_scalar_[At(input)]) continue;
      const int argument = argument_[At(input)];
      if (only >= 0 && argument != only) return -1;
      only = argument;
    }
    return only;
  }

  bool CutsOffAResult(const Candidate& candidate) {
    const std::string& input = names_[At(candidate.inputs.front())];
    const Candidate* producer = CandidateFor(graph_.Producer(input));
    const bool is_result = producer != nullptr && producer->argument < 0 &&
                           (producer->role == OperatorRole::kLinear || producer->role == OperatorRole::kCompute);
    return is_result && producer->outputs.size() == 1 && graph_.Consumers(input).size() == 1 &&
           !graph_.IsGraphOutput(input);
  }

  // Whether the tensor is a value within a table.
  bool IsInside(int tensor) const { return argument_[At(tensor)] != tensor; }

  bool IsReadInsideOnly(int tensor) {
    const std::string& name = names_[At(tensor)];
    if (graph_.IsGraphOutput(name)) return false;
    const std::vector<onnx::NodeProto*> readers = graph_.Consumers(name);
    return !readers.empty() && std::all_of(readers.begin(), readers.end(), [&](const onnx::NodeProto* reader) {
      const Candidate* candidate = CandidateFor(reader);
      return candidate != nullptr && candidate->argument == argument_[At(tensor)];
    });
  }

  // Why an operator that is no part of a table cannot be 8-bit; empty if it can.
  std::string FindObstacleToEnds(const Candidate& candidate) {
    const onnx::NodeProto& node = *candidate.node;
    const bool is_inside = IsInside(candidate.outputs.front());
    if (candidate.role == OperatorRole::kInside && !is_inside) {
      return absl::StrCat(node.op_type(), " has no 8-bit form of its own here");
    }
    // Within a table the divisor is not rounded.
    if (node.op_type() == "Div" && candidate.argument < 0 && graph_.Initializer(node.input(1)) == nullptr) {
      return "its divisor is computed and might be rounded to zero";
    }
    return "";
  }

  static bool IsMover(const Candidate& candidate) { return candidate.role == OperatorRole::kPassThrough; }

  void UniteThroughMoves() {
    for (const Candidate& candidate : candidates_) {
      if (!IsMover(candidate)) continue;
      for (const int tensor : candidate.inputs) scales_.Unite(candidate.outputs.front(), tensor);
      for (const int tensor : candidate.outputs) scales_.Unite(candidate.outputs.front(), tensor);
    }
  }

  // An operator that computes makes its tensors 8-bit, and through operators that move values those of its neighbours.
  void MarkComputed() {
    for (const Candidate& candidate : candidates_) {
      if (IsMover(candidate)) continue;
      for (const int tensor : candidate.inputs) {
        const bool is_part_of_table = IsInside(tensor) || (candidate.argument >= 0 && is_scalar_[At(tensor)]);
        if (!is_part_of_table) Mark(tensor);
      }
      for (const int tensor : candidate.outputs) {
        if (!IsInside(tensor)) Mark(tensor);
      }
    }
    for (size_t i = 0; i < names_.size(); ++i) {
      is_quantized_[i] = is_quantized_[At(scales_.Root(static_cast<int>(i)))];
    }
    for (const Candidate& candidate : candidates_) {
      if (!candidate.is_merged) continue;
      is_quantized_[At(candidate.inputs.front())] = false;
      cut_off_.emplace(candidate.inputs.front(), candidate.outputs.front());
    }
  }

  void Mark(int tensor) { is_quantized_[At(scales_.Root(tensor))] = true; }

  void CollectGroups() {
    std::unordered_map<int, int> group_of_root;
    for (size_t i = 0; i < names_.size(); ++i) {
      if (!is_quantized_[i]) continue;
      const auto [entry, is_new] =
          group_of_root.try_emplace(scales_.Root(static_cast<int>(i)), static_cast<int>(plan_.groups.size()));
      if (is_new) plan_.groups.emplace_back();
      group_of_[i] = entry->second;
      ActivationGroup& group = plan_.groups[At(entry->second)];
      (graph_.Initializer(names_[i]) != nullptr ? group.constants : group.tensors).push_back(names_[i]);
    }
  }

  void WidenGroups() {
    // Within a table, the width that one of its nodes asks for holds for both ends.
    std::vector<bool> is_wide(names_.size(), false);
    for (const Candidate& candidate : candidates_) {
      if (IsMover(candidate)) continue;
      const bool follows = std::any_of(candidate.inputs.begin(), candidate.inputs.end(),
                                       [&](int tensor) { return IsInside(tensor) && is_wide[At(tensor)]; });
      if (candidate.bits != v1::LAYER_BITS_16 && !follows) continue;
      if (candidate.argument >= 0) Widen(candidate.argument);
      for (const int tensor : candidate.inputs) Widen(tensor);
      for (const int tensor : candidate.outputs) {
        Widen(tensor);
        is_wide[At(tensor)] = true;
      }
    }
  }

  void Widen(int tensor) {
    // The operator's result is what the activation behind it leaves.
    const auto cut_off = cut_off_.find(tensor);
    if (cut_off != cut_off_.end()) tensor = cut_off->second;
    if (const int group = group_of_[At(tensor)]; group >= 0) plan_.groups[At(group)].bits = 16;
  }

  void CollectNodes() {
    for (Candidate& candidate : candidates_) {
      if (IsMover(candidate) && !is_quantized_[At(candidate.outputs.front())]) {
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

  Graph& graph_;
  const BitsOfNode& bits_of_;
  QuantizationPlan plan_;
  std::vector<Candidate> candidates_;
  std::unordered_map<const onnx::NodeProto*, size_t> candidate_of_;
  // Tensors have numbers in the order in which the candidates name them.
  std::unordered_map<std::string, int> number_;
  std::vector<std::string> names_;
  // Constants of one value.
  std::vector<bool> is_scalar_;
  // The tensor that each tensor within a table is a function of; else itself.
  std::vector<int> argument_;
  // Results of pointwise operators that are ends of a table.
  std::vector<bool> has_scale_;
  // Tensors that share a scale.
  DisjointSets scales_;
  std::vector<bool> is_quantized_;
  // Tensors without a scale of their own, and the result of the activation that reads them.
  std::unordered_map<int, int> cut_off_;
  // -1: none.
  std::vector<int> group_of_;
};

}  // namespace

QuantizationPlan PlanQuantization(Graph& graph, absl::Span<const onnx::NodeProto* const> left_out,
                                  const BitsOfNode& bits_of) {
  return Planner(graph, bits_of).Plan(left_out);
}

}  // namespace joinery::compiler
