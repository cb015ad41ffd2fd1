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
  // An operator that moves 8-bit values.
  bool moves_quantized = false;
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
  Planner(Graph& graph, const BitsOfNode& bits_of, const CpuNodes& on_cpu)
      : graph_(graph), bits_of_(bits_of), on_cpu_(on_cpu) {}

  QuantizationPlan Plan(absl::Span<const onnx::NodeProto* const> left_out) {
    left_out_.insert(left_out.begin(), left_out.end());
    for (onnx::NodeProto* node : graph_.nodes()) {
      if (IsOnCpu(*node)) plan_.cpu_nodes.insert(node);
      if (!left_out_.contains(node)) Consider(node);
    }
    NumberTensors();
    FindTables();
    while (DropWhatGainsNothing()) FindTables();
    MarkQuantized();
    UniteThroughMoves();
    CollectGroups();
    WidenGroups();
    CollectNodes();
    CollectFloatNodes();
    return std::move(plan_);
  }

 private:
  void Consider(onnx::NodeProto* node) {
    if (!TouchesFloat(graph_, *node)) return;
    if (IsOnCpu(*node)) return KeepFloat(*node, on_cpu_.at(MadeBy(*node)));
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

  bool IsOnCpu(const onnx::NodeProto& node) const { return !on_cpu_.empty() && on_cpu_.contains(MadeBy(node)); }

  void KeepFloat(const onnx::NodeProto& node, const std::string& reason) {
    float_nodes_.emplace(&node, StaysFloat(node, reason));
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
    ForgetDropped();
  }

  void ForgetDropped() {
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

  // Pooling, normalization and what has weights: what other operators are made 8-bit for.
  static bool IsLayer(const Candidate& candidate) { return !IsMover(candidate) && !candidate.is_pointwise; }

  // For each tensor whether one of the marked ones leads to it, or (backwards) it leads to one of them, through
  // operators that are no layers.
  std::vector<bool> Spread(std::vector<bool> marked, bool forwards) const {
    const auto spread = [&](const Candidate& candidate) {
      if (IsLayer(candidate)) return;
      const std::vector<int>& from = forwards ? candidate.inputs : candidate.outputs;
      const std::vector<int>& to = forwards ? candidate.outputs : candidate.inputs;
      if (std::none_of(from.begin(), from.end(), [&](int tensor) { return marked[At(tensor)]; })) return;
      for (const int tensor : to) marked[At(tensor)] = true;
    };
    if (forwards) {
      std::for_each(candidates_.begin(), candidates_.end(), spread);
    } else {
      std::for_each(candidates_.rbegin(), candidates_.rend(), spread);
    }
    return marked;
  }

  static bool AnyOf(const std::vector<int>& tensors, const std::vector<bool>& marked) {
    return std::any_of(tensors.begin(), tensors.end(), [&](int tensor) { return marked[At(tensor)]; });
  }

  // Drops pointwise operators between float ones, and those that decode a network's results: behind the last layer,
  // together with a constant for each place or with functions that have no 8-bit form. There 8 bits cost exactness,
  // such as pixels of a box's corner, and save next to no time. Returns whether there were any.
  bool DropWhatGainsNothing() {
    const std::unordered_set<std::string> before_layers = TensorsBeforeLayers();
    const std::unordered_set<std::string> behind_layers = TensorsBehindLayers();
    std::vector<bool> is_before_layer(names_.size());
    std::vector<bool> is_behind_layer(names_.size());
    std::vector<bool> is_given(names_.size());
    std::vector<bool> is_wanted(names_.size());
    for (size_t i = 0; i < names_.size(); ++i) {
      is_before_layer[i] = before_layers.contains(names_[i]);
      is_behind_layer[i] = behind_layers.contains(names_[i]);
      is_given[i] = graph_.IsGraphInput(names_[i]) || left_out_.contains(graph_.Producer(names_[i]));
    }
    for (const Candidate& candidate : candidates_) {
      if (!IsLayer(candidate)) continue;
      for (const int tensor : candidate.outputs) is_given[At(tensor)] = true;
      for (const int tensor : candidate.inputs) is_wanted[At(tensor)] = true;
    }
    const std::vector<bool> is_behind_given = Spread(is_given, /*forwards=*/true);
    const std::vector<bool> is_before_wanted = Spread(is_wanted, /*forwards=*/false);

    std::vector<bool> is_decoded(names_.size(), false);
    for (size_t i = 0; i < names_.size(); ++i) is_decoded[i] = IsDecodedByFloat(names_[i]);
    std::vector<bool> is_decoding(names_.size(), false);
    const auto is_last = [&](const Candidate& candidate) {
      return candidate.is_pointwise && !AnyOf(candidate.outputs, is_before_layer) &&
             AnyOf(candidate.inputs, is_behind_layer);
    };
    for (const Candidate& candidate : candidates_) {
      if (is_last(candidate) && HasConstantOfPlaces(candidate)) is_decoding[At(candidate.outputs.front())] = true;
    }
    const std::vector<bool> is_behind_decoding = Spread(is_decoding, /*forwards=*/true);
    // What is put beside decoded results is one of them.
    for (size_t i = 0; i < names_.size(); ++i) is_decoded[i] = is_decoded[i] || is_behind_decoding[i];
    const std::vector<bool> is_before_decoding = Spread(is_decoded, /*forwards=*/false);

    bool dropped = false;
    for (Candidate& candidate : candidates_) {
      if (!candidate.is_pointwise || candidate.is_merged) continue;
      std::string reason;
      if (!AnyOf(candidate.inputs, is_behind_given) && !AnyOf(candidate.outputs, is_before_wanted)) {
        reason = "nothing around it is 8-bit";
      } else if (is_last(candidate) &&
                 (AnyOf(candidate.outputs, is_behind_decoding) || AnyOf(candidate.outputs, is_before_decoding))) {
        reason = "it decodes results behind the last layer, for which 8 bits are too coarse";
      }
      if (reason.empty()) continue;
      KeepFloat(*candidate.node, reason);
      candidate.is_dropped = true;
      dropped = true;
    }
    ForgetDropped();
    return dropped;
  }

  bool IsLayer(const onnx::NodeProto* node) {
    const Candidate* candidate = CandidateFor(node);
    return candidate != nullptr && IsLayer(*candidate);
  }

  // Through all operators, float ones included.
  std::unordered_set<std::string> TensorsBeforeLayers() {
    std::unordered_set<std::string> tensors;
    const std::vector<onnx::NodeProto*> nodes = graph_.nodes();
    for (auto node = nodes.rbegin(); node != nodes.rend(); ++node) {
      const bool leads_to_layer = std::any_of((*node)->output().begin(), (*node)->output().end(),
                                              [&](const std::string& output) { return tensors.contains(output); });
      if (!leads_to_layer && !IsLayer(*node)) continue;
      ForEachInput(**node, [&](const std::string& input) { tensors.insert(input); });
    }
    return tensors;
  }

  std::unordered_set<std::string> TensorsBehindLayers() {
    std::unordered_set<std::string> tensors;
    for (const onnx::NodeProto* node : graph_.nodes()) {
      bool is_behind = IsLayer(node);
      ForEachInput(*node, [&](const std::string& input) { is_behind = is_behind || tensors.contains(input); });
      if (is_behind) tensors.insert(node->output().begin(), node->output().end());
    }
    return tensors;
  }

  bool HasConstantOfPlaces(const Candidate& candidate) {
    return std::any_of(candidate.inputs.begin(), candidate.inputs.end(), [&](int tensor) {
      return !is_scalar_[At(tensor)] && graph_.Initializer(names_[At(tensor)]) != nullptr;
    });
  }

  // Whether a function that has no 8-bit form reads the tensor.
  bool IsDecodedByFloat(const std::string& tensor) {
    const std::vector<onnx::NodeProto*> readers = graph_.Consumers(tensor);
    return std::any_of(readers.begin(), readers.end(), [&](const onnx::NodeProto* reader) {
      const OperatorRule* rule = FindOperatorRule(*reader);
      return rule != nullptr && rule->role == OperatorRole::kInside && CandidateFor(reader) == nullptr;
    });
  }

  // Operators that compute make their tensors 8-bit. One that moves values becomes 8-bit if they all come from such
  // operators, or one needs them.
  void MarkQuantized() {
    std::vector<bool> is_made(names_.size(), false);
    std::vector<bool> is_needed(names_.size(), false);
    for (const Candidate& candidate : candidates_) {
      if (IsMover(candidate)) continue;
      for (const int tensor : candidate.inputs) {
        const bool is_part_of_table = IsInside(tensor) || (candidate.argument >= 0 && is_scalar_[At(tensor)]);
        if (!is_part_of_table) is_needed[At(tensor)] = true;
      }
      for (const int tensor : candidate.outputs) is_made[At(tensor)] = !IsInside(tensor);
    }
    for (const Candidate& candidate : candidates_) {
      if (!IsMover(candidate)) continue;
      // Constants are no obstacle.
      const bool are_made = AnyOf(candidate.inputs, is_made) &&
                            std::all_of(candidate.inputs.begin(), candidate.inputs.end(), [&](int tensor) {
                              return is_made[At(tensor)] || graph_.Initializer(names_[At(tensor)]) != nullptr;
                            });
      for (const int tensor : candidate.outputs) is_made[At(tensor)] = are_made;
    }
    for (auto candidate = candidates_.rbegin(); candidate != candidates_.rend(); ++candidate) {
      if (!IsMover(*candidate) || !AnyOf(candidate->outputs, is_needed)) continue;
      for (const int tensor : candidate->inputs) is_needed[At(tensor)] = true;
    }
    for (size_t i = 0; i < names_.size(); ++i) is_quantized_[i] = is_made[i] || is_needed[i];
    for (Candidate& candidate : candidates_) {
      if (IsMover(candidate)) {
        // All outputs of a Split are alike.
        candidate.moves_quantized = AnyOf(candidate.outputs, is_needed) || AnyOf(candidate.outputs, is_made);
        if (candidate.moves_quantized) {
          for (const int tensor : candidate.inputs) is_quantized_[At(tensor)] = true;
          for (const int tensor : candidate.outputs) is_quantized_[At(tensor)] = true;
        }
      } else if (candidate.is_merged) {
        is_quantized_[At(candidate.inputs.front())] = false;
        cut_off_.emplace(candidate.inputs.front(), candidate.outputs.front());
      }
    }
  }

  void UniteThroughMoves() {
    for (const Candidate& candidate : candidates_) {
      if (!candidate.moves_quantized) continue;
      for (const int tensor : candidate.inputs) scales_.Unite(candidate.outputs.front(), tensor);
      for (const int tensor : candidate.outputs) scales_.Unite(candidate.outputs.front(), tensor);
    }
  }

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
      if (IsMover(candidate) && !candidate.moves_quantized) {
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

  // In the graph's order.
  void CollectFloatNodes() {
    for (const onnx::NodeProto* node : graph_.nodes()) {
      const auto found = float_nodes_.find(node);
      if (found != float_nodes_.end()) plan_.float_nodes.push_back(std::move(found->second));
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
  const CpuNodes& on_cpu_;
  QuantizationPlan plan_;
  std::unordered_set<const onnx::NodeProto*> left_out_;
  std::unordered_map<const onnx::NodeProto*, v1::FloatNode> float_nodes_;
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

std::string MadeBy(const onnx::NodeProto& node) {
  const auto made = std::find_if(node.output().begin(), node.output().end(),
                                 [](const std::string& output) { return !output.empty(); });
  return made == node.output().end() ? "" : *made;
}

QuantizationPlan PlanQuantization(Graph& graph, absl::Span<const onnx::NodeProto* const> left_out,
                                  const BitsOfNode& bits_of, const CpuNodes& on_cpu) {
  return Planner(graph, bits_of, on_cpu).Plan(left_out);
}

}  // namespace joinery::compiler
