#include "compiler/frontend/fuse_hard_swish.h"

#include <optional>
#include <string>
#include <utility>
#include <vector>

#include "compiler/frontend/convert_opset.h"
#include "compiler/frontend/match.h"

namespace joinery::compiler {
namespace {

constexpr int kFirstOpset = 14;
constexpr double kSlope = 1.0 / 6.0;
constexpr double kOffset = 0.5;

// Whether constant * `gate` is clip(x / 6 + 1/2, 0, 1).
bool IsGate(Graph& graph, const std::string& gate, const std::string& x, double constant) {
  const onnx::NodeProto* node = graph.Producer(gate);
  if (node == nullptr || node->input_size() == 0) return false;
  if (node->op_type() == "HardSigmoid") {
    return node->input(0) == x && IsAbout(constant, 1) && IsAbout(FloatAttribute(*node, "alpha", 0.2F), kSlope) &&
           IsAbout(FloatAttribute(*node, "beta", 0.5F), kOffset);
  }
  const std::optional<Bounds> bounds = ClipBounds(graph, *node);
  if (!bounds.has_value() || !IsAbout(constant * bounds->low, 0) || !IsAbout(constant * bounds->high, 1)) return false;
  const std::optional<Cubic> inner = AsCubic(graph, node->input(0), x);
  return inner.has_value() && IsAbout(constant * (*inner)[0], kOffset) && IsAbout(constant * (*inner)[1], kSlope) &&
         (*inner)[2] == 0 && (*inner)[3] == 0;
}

// The tensor that `node` gives the HardSwish of.
std::optional<std::string> FindInput(Graph& graph, const onnx::NodeProto& node) {
  const std::optional<Product> product = AsProduct(graph, node);
  if (!product.has_value() || product->factors.size() != 2) return std::nullopt;
  for (const size_t i : {0, 1}) {
    const std::string& x = product->factors[i];
    if (IsGate(graph, product->factors[1 - i], x, product->constant) && graph.Shape(x) == graph.Shape(node.output(0))) {
      return x;
    }
  }
  return std::nullopt;
}

using Match = std::pair<onnx::NodeProto*, std::string>;

std::vector<Match> FindMatches(Graph& graph) {
  std::vector<Match> matches;
  for (onnx::NodeProto* node : graph.nodes()) {
    if (const auto input = FindInput(graph, *node); input.has_value()) matches.emplace_back(node, *input);
  }
  return matches;
}

}  // namespace

absl::StatusOr<int> FuseHardSwish::Run(Graph& graph) const {
  if (FindMatches(graph).empty() || !TryRaiseOpset(graph, kFirstOpset)) return 0;
  const std::vector<Match> matches = FindMatches(graph);
  for (const auto& [node, input] : matches) Rewrite(node, "HardSwish", {input});
  graph.Invalidate();
  graph.RemoveDeadNodes();
  return static_cast<int>(matches.size());
}

}  // namespace joinery::compiler
