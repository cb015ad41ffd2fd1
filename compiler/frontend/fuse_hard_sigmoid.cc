#include "compiler/frontend/fuse_hard_sigmoid.h"

#include <optional>
#include <string>
#include <vector>

#include "compiler/frontend/match.h"

namespace joinery::compiler {
namespace {

// y = slope * x + offset
struct Affine {
  double slope = 1;
  double offset = 0;
};

// What `node` does to its only input that is no constant.
struct Step {
  Affine affine;
  std::string input;
};

std::optional<Step> StepOf(Graph& graph, const onnx::NodeProto& node) {
  if (node.input_size() != 2) return std::nullopt;
  const std::optional<double> left = ScalarValue(graph, node.input(0));
  const std::optional<double> right = ScalarValue(graph, node.input(1));
  if (left.has_value() == right.has_value()) return std::nullopt;
  const double value = left.has_value() ? *left : *right;
  const std::string& input = node.input(left.has_value() ? 1 : 0);
  if (node.op_type() == "Add") return Step{{1, value}, input};
  if (node.op_type() == "Mul") return Step{{value, 0}, input};
  if (node.op_type() == "Sub") return left.has_value() ? Step{{-1, value}, input} : Step{{1, -value}, input};
  if (node.op_type() == "Div" && right.has_value() && value != 0) return Step{{1 / value, 0}, input};
  return std::nullopt;
}

// Goes back from `tensor` as long as constants are added or multiplied to what nobody else reads, and returns what is
// done to the tensor where that ends.
Step GoBack(Graph& graph, const std::string& tensor) {
  Step chain{{}, tensor};
  while (OnlyReader(graph, chain.input) != nullptr) {
    const onnx::NodeProto* node = graph.Producer(chain.input);
    const std::optional<Step> step = node == nullptr ? std::nullopt : StepOf(graph, *node);
    if (!step.has_value()) break;
    chain = {{chain.affine.slope * step->affine.slope, chain.affine.slope * step->affine.offset + chain.affine.offset},
             step->input};
  }
  return chain;
}

struct Match {
  onnx::NodeProto* last;
  std::string input;
  double alpha;
  double beta;
};

// `node` is the last of the pattern: the clip itself, or what shifts or scales its result.
std::optional<Match> FindMatch(Graph& graph, onnx::NodeProto* node) {
  std::string clipped = node->output(0);
  Affine outer;
  if (const std::optional<Step> step = StepOf(graph, *node); step.has_value()) {
    const Step rest = GoBack(graph, step->input);
    outer = {step->affine.slope * rest.affine.slope, step->affine.slope * rest.affine.offset + step->affine.offset};
    clipped = rest.input;
    if (OnlyReader(graph, clipped) == nullptr) return std::nullopt;
  }
  const onnx::NodeProto* clip = graph.Producer(clipped);
  const std::optional<Bounds> bounds = clip == nullptr ? std::nullopt : ClipBounds(graph, *clip);
  if (!bounds.has_value() || outer.slope <= 0) return std::nullopt;
  if (!IsAbout(outer.slope * bounds->low + outer.offset, 0) || !IsAbout(outer.slope * bounds->high + outer.offset, 1)) {
    return std::nullopt;
  }
  const Step inner = GoBack(graph, clip->input(0));
  // A clip between 0 and 1 by itself is one.
  if (inner.input == clip->input(0) || graph.Shape(inner.input) != graph.Shape(node->output(0))) return std::nullopt;
  return Match{node, inner.input, outer.slope * inner.affine.slope, outer.slope * inner.affine.offset + outer.offset};
}

}  // namespace

absl::StatusOr<int> FuseHardSigmoid::Run(Graph& graph) const {
  std::vector<Match> matches;
  for (onnx::NodeProto* node : graph.nodes()) {
    if (node->output_size() != 1) continue;
    if (const std::optional<Match> match = FindMatch(graph, node); match.has_value()) matches.push_back(*match);
  }
  if (matches.empty()) return 0;
  for (const Match& match : matches) {
    Rewrite(match.last, "HardSigmoid", {match.input});
    SetFloatAttribute(match.last, "alpha", static_cast<float>(match.alpha));
    SetFloatAttribute(match.last, "beta", static_cast<float>(match.beta));
  }
  graph.Invalidate();
  graph.RemoveDeadNodes();
  return static_cast<int>(matches.size());
}

}  // namespace joinery::compiler
