#include "compiler/frontend/fuse_gelu.h"

#include <cmath>
#include <optional>
#include <string>
#include <vector>

#include "compiler/frontend/convert_opset.h"
#include "compiler/frontend/match.h"

namespace joinery::compiler {
namespace {

constexpr int kFirstOpset = 20;

struct Match {
  onnx::NodeProto* node;
  std::string input;
  bool is_tanh;
};

// Whether `node` computes Erf or Tanh of what Gelu takes.
bool HasArgument(Graph& graph, const onnx::NodeProto& node, const std::string& x) {
  const std::optional<Cubic> argument = AsCubic(graph, node.input(0), x);
  if (!argument.has_value() || (*argument)[0] != 0 || (*argument)[2] != 0) return false;
  const double slope = node.op_type() == "Erf" ? M_SQRT1_2 : std::sqrt(M_2_PI);
  const double cubic = node.op_type() == "Erf" ? 0 : slope * 0.044715;
  return IsAbout((*argument)[1], slope) && IsAbout((*argument)[3], cubic);
}

// The Erf or Tanh in `factor`, if that is constant * (1 + it) with a total of 1/2.
const onnx::NodeProto* FindFunction(Graph& graph, const std::string& factor, double constant) {
  const onnx::NodeProto* sum = ProducerOfType(graph, factor, "Add");
  if (sum == nullptr || !IsAbout(constant, 0.5)) return nullptr;
  for (const int i : {0, 1}) {
    const std::optional<double> one = ScalarValue(graph, sum->input(1 - i));
    const onnx::NodeProto* function = graph.Producer(sum->input(i));
    if (one.has_value() && IsAbout(*one, 1) && function != nullptr &&
        (function->op_type() == "Erf" || function->op_type() == "Tanh")) {
      return function;
    }
  }
  return nullptr;
}

std::optional<Match> FindMatch(Graph& graph, onnx::NodeProto* node) {
  const std::optional<Product> product = AsProduct(graph, *node);
  if (!product.has_value() || product->factors.size() != 2) return std::nullopt;
  for (const size_t i : {0, 1}) {
    const std::string& x = product->factors[i];
    const onnx::NodeProto* function = FindFunction(graph, product->factors[1 - i], product->constant);
    if (function != nullptr && HasArgument(graph, *function, x) && graph.Shape(x) == graph.Shape(node->output(0))) {
      return Match{node, x, function->op_type() == "Tanh"};
    }
  }
  return std::nullopt;
}

std::vector<Match> FindMatches(Graph& graph) {
  std::vector<Match> matches;
  for (onnx::NodeProto* node : graph.nodes()) {
    if (const std::optional<Match> match = FindMatch(graph, node); match.has_value()) matches.push_back(*match);
  }
  return matches;
}

}  // namespace

absl::StatusOr<int> FuseGelu::Run(Graph& graph) const {
  if (FindMatches(graph).empty() || !TryRaiseOpset(graph, kFirstOpset)) return 0;
  const std::vector<Match> matches = FindMatches(graph);
  for (const Match& match : matches) {
    Rewrite(match.node, "Gelu", {match.input});
    onnx::AttributeProto* approximate = match.node->add_attribute();
    approximate->set_name("approximate");
    approximate->set_type(onnx::AttributeProto::STRING);
    approximate->set_s(match.is_tanh ? "tanh" : "none");
  }
  graph.Invalidate();
  graph.RemoveDeadNodes();
  return static_cast<int>(matches.size());
}

}  // namespace joinery::compiler
