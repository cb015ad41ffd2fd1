#include "compiler/frontend/fuse_softmax.h"

#include <optional>
#include <string>
#include <vector>

#include "compiler/frontend/graph_edits.h"
#include "compiler/frontend/match.h"

namespace joinery::compiler {
namespace {

struct Match {
  onnx::NodeProto* softmax;
  const onnx::NodeProto* flatten;
  const onnx::NodeProto* reshape;
  int64_t axis;
};

// The dimension from `axis` on that is larger than 1, the last if none is; nothing if there are several.
std::optional<int64_t> OneDimension(const std::vector<int64_t>& shape, int64_t axis) {
  const auto rank = static_cast<int64_t>(shape.size());
  if (axis < 0) axis += rank;
  if (axis < 0 || axis >= rank) return std::nullopt;
  int64_t found = rank - 1;
  int num_large = 0;
  for (int64_t i = axis; i < rank; ++i) {
    if (shape[static_cast<size_t>(i)] == 1) continue;
    found = i;
    ++num_large;
  }
  if (num_large > 1) return std::nullopt;
  return found;
}

std::optional<Match> FindMatch(Graph& graph, onnx::NodeProto* softmax) {
  if (softmax->op_type() != "Softmax" && softmax->op_type() != "LogSoftmax") return std::nullopt;
  const int64_t own_axis = IntAttribute(*softmax, "axis", -1);
  const onnx::NodeProto* flatten = graph.Producer(softmax->input(0));
  if (flatten == nullptr || flatten->op_type() != "Flatten" || (own_axis != 1 && own_axis != -1)) return std::nullopt;
  const onnx::NodeProto* reshape = OnlyReader(graph, softmax->output(0));
  if (reshape == nullptr || reshape->op_type() != "Reshape" || reshape->input(0) != softmax->output(0) ||
      OnlyReader(graph, flatten->output(0)) != softmax) {
    return std::nullopt;
  }
  const auto before = graph.Shape(flatten->input(0));
  if (!before.has_value() || before != graph.Shape(reshape->output(0))) return std::nullopt;
  const std::optional<int64_t> axis = OneDimension(*before, IntAttribute(*flatten, "axis", 1));
  if (!axis.has_value()) return std::nullopt;
  return Match{softmax, flatten, reshape, *axis};
}

}  // namespace

absl::StatusOr<int> FuseSoftmax::Run(Graph& graph) const {
  std::vector<Match> matches;
  for (onnx::NodeProto* node : graph.nodes()) {
    if (const std::optional<Match> match = FindMatch(graph, node); match.has_value()) matches.push_back(*match);
  }
  if (matches.empty()) return 0;
  GraphEdits edits;
  for (const Match& match : matches) {
    SetIntAttribute(match.softmax, "axis", match.axis);
    edits.ReplaceUses(match.flatten->output(0), match.flatten->input(0));
    edits.SetOutput(match.softmax, 0, match.reshape->output(0));
    edits.Remove(match.flatten);
    edits.Remove(match.reshape);
  }
  edits.Apply(graph);
  graph.RemoveDeadNodes();
  return static_cast<int>(matches.size());
}

}  // namespace joinery::compiler
