#include "compiler/target/fit_to_target.h"

#include <algorithm>
#include <array>
#include <optional>
#include <unordered_set>
#include <utility>

#include "absl/strings/str_cat.h"
#include "base/status.h"
#include "compiler/ir/tensor_proto.h"
#include "compiler/target/support.h"

namespace joinery::compiler {
namespace {

bool RunsOnNpu(Graph& graph, const onnx::NodeProto& node, const v1::TargetDescription& target) {
  return CheckNode(graph, node, target).placement == Support::Placement::kNpu;
}

bool IsCandidate(Graph& graph, const onnx::NodeProto& node, const v1::TargetDescription& target) {
  static constexpr std::array kRewritten = {"Split", "Squeeze", "Unsqueeze", "Flatten"};
  const bool is_known =
      std::any_of(kRewritten.begin(), kRewritten.end(), [&](const char* type) { return node.op_type() == type; });
  return is_known && CheckNode(graph, node, target).placement == Support::Placement::kCpu;
}

class Fitter {
 public:
  Fitter(Graph& graph, const v1::TargetDescription& target, absl::Span<const onnx::NodeProto* const> left_out)
      : graph_(graph), target_(target), left_out_(left_out.begin(), left_out.end()) {}

  absl::StatusOr<std::vector<Fitted>> Fit() {
    std::vector<Fitted> fitted;
    for (const onnx::NodeProto* node : graph_.nodes()) {
      if (left_out_.contains(node) || !IsCandidate(graph_, *node, target_)) continue;
      const Fitted found{node->op_type(), node->output(0)};
      const std::optional<std::vector<onnx::NodeProto>> nodes =
          node->op_type() == "Split" ? AsSlices(*node) : AsReshape(*node);
      if (!nodes.has_value() || !std::all_of(nodes->begin(), nodes->end(), [&](const onnx::NodeProto& added) {
            return RunsOnNpu(graph_, added, target_);
          })) {
        continue;
      }
      fitted.push_back(found);
      graph_.RemoveNode(node);
      for (const onnx::NodeProto& added : *nodes) Add(added);
    }
    if (!fitted.empty()) RETURN_IF_ERROR(graph_.SortTopologically());
    // Constants, also those of what was tried in vain.
    if (added_constants_) graph_.RemoveDeadNodes();
    return fitted;
  }

 private:
  std::string AddConstant(const std::string& wish, const std::vector<int64_t>& values) {
    added_constants_ = true;
    std::string name = graph_.UniqueTensorName(wish);
    graph_.AddInitializer(Int64Proto(name, {static_cast<int64_t>(values.size())}, values));
    return name;
  }

  static onnx::NodeProto MakeNode(const std::string& op_type, const std::vector<std::string>& inputs,
                                  const std::string& output) {
    onnx::NodeProto node;
    node.set_op_type(op_type);
    for (const std::string& input : inputs) node.add_input(input);
    node.add_output(output);
    return node;
  }

  std::optional<std::vector<onnx::NodeProto>> AsSlices(const onnx::NodeProto& split) {
    const auto shape = graph_.Shape(split.input(0));
    if (!shape.has_value()) return std::nullopt;
    int64_t axis = IntAttribute(split, "axis", 0);
    if (axis < 0) axis += static_cast<int64_t>(shape->size());
    std::vector<onnx::NodeProto> slices;
    int64_t start = 0;
    for (const std::string& output : split.output()) {
      const auto part = graph_.Shape(output);
      if (!part.has_value() || part->size() != shape->size()) return std::nullopt;
      const int64_t end = start + (*part)[static_cast<size_t>(axis)];
      const std::vector<std::string> inputs = {split.input(0), AddConstant(absl::StrCat(output, "_start"), {start}),
                                               AddConstant(absl::StrCat(output, "_end"), {end}),
                                               AddConstant(absl::StrCat(output, "_axis"), {axis})};
      slices.push_back(MakeNode("Slice", inputs, output));
      slices.back().set_name(split.name().empty() ? "" : absl::StrCat(split.name(), "_", slices.size()));
      start = end;
    }
    return slices;
  }

  std::optional<std::vector<onnx::NodeProto>> AsReshape(const onnx::NodeProto& node) {
    const auto shape = graph_.Shape(node.output(0));
    if (!shape.has_value()) return std::nullopt;
    const std::string constant = AddConstant(absl::StrCat(node.output(0), "_shape"), *shape);
    onnx::NodeProto reshape = MakeNode("Reshape", {node.input(0), constant}, node.output(0));
    reshape.set_name(node.name());
    return std::vector<onnx::NodeProto>{std::move(reshape)};
  }

  void Add(const onnx::NodeProto& node) {
    const std::string name = node.name().empty() ? "" : graph_.UniqueNodeName(node.name());
    const std::vector<std::string> inputs(node.input().begin(), node.input().end());
    graph_.AddNode(node.op_type(), name, inputs, {node.output(0)});
  }

  Graph& graph_;
  const v1::TargetDescription& target_;
  std::unordered_set<const onnx::NodeProto*> left_out_;
  bool added_constants_ = false;
};

}  // namespace

absl::StatusOr<std::vector<Fitted>> FitToTarget(Graph& graph, const v1::TargetDescription& target,
                                                absl::Span<const onnx::NodeProto* const> left_out) {
  if (target.cpu_only()) return std::vector<Fitted>();
  return Fitter(graph, target, left_out).Fit();
}

bool MayNeedFitting(Graph& graph, const v1::TargetDescription& target) {
  if (target.cpu_only()) return false;
  const std::vector<onnx::NodeProto*> nodes = graph.nodes();
  return std::any_of(nodes.begin(), nodes.end(),
                     [&](const onnx::NodeProto* node) { return IsCandidate(graph, *node, target); });
}

}  // namespace joinery::compiler
