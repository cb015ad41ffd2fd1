#include "compiler/frontend/fuse_layer_norm.h"

#include <algorithm>
#include <cstdint>
#include <optional>
#include <string>
#include <vector>

#include "base/status.h"
#include "compiler/frontend/convert_opset.h"
#include "compiler/frontend/match.h"
#include "compiler/frontend/unique_names.h"
#include "compiler/ir/tensor_proto.h"

namespace joinery::compiler {
namespace {

constexpr int kFirstOpset = 17;

using Shape = std::vector<int64_t>;

struct Match {
  // What the fused node takes the place of.
  onnx::NodeProto* last;
  std::string input;
  int64_t axis;
  double epsilon;
  // Of the dimensions that are normalized.
  Shape shape;
  std::vector<float> scale;
  // Empty if there is none.
  std::vector<float> bias;
};

// The first of the dimensions that a ReduceMean takes, if they are the last ones and stay with size 1.
std::optional<int64_t> FirstReduced(Graph& graph, const onnx::NodeProto& mean) {
  const auto shape = graph.Shape(mean.input(0));
  if (!shape.has_value() || shape->empty() || IntAttribute(mean, "keepdims", 1) != 1) return std::nullopt;
  Shape axes = IntsAttribute(mean, "axes");
  if (mean.input_size() > 1 && !mean.input(1).empty()) {
    const onnx::TensorProto* tensor = graph.Initializer(mean.input(1));
    const absl::StatusOr<Shape> values = tensor == nullptr ? absl::NotFoundError("") : IntValues(*tensor);
    if (!values.ok()) return std::nullopt;
    axes = *values;
  }
  if (axes.empty()) return std::nullopt;
  const auto rank = static_cast<int64_t>(shape->size());
  for (int64_t& axis : axes) axis += axis < 0 ? rank : 0;
  std::sort(axes.begin(), axes.end());
  for (size_t i = 0; i < axes.size(); ++i) {
    if (axes[i] != rank - static_cast<int64_t>(axes.size() - i)) return std::nullopt;
  }
  return axes.front();
}

// x, if `tensor` is x - mean(x) over the dimensions from `axis` on.
std::optional<std::string> CenteredInput(Graph& graph, const std::string& tensor, int64_t axis) {
  const onnx::NodeProto* difference = ProducerOfType(graph, tensor, "Sub");
  if (difference == nullptr) return std::nullopt;
  const onnx::NodeProto* mean = ProducerOfType(graph, difference->input(1), "ReduceMean");
  if (mean == nullptr || mean->input(0) != difference->input(0) || FirstReduced(graph, *mean) != axis) {
    return std::nullopt;
  }
  return difference->input(0);
}

// The tensor that `tensor` is the square of.
std::optional<std::string> SquareRootOf(Graph& graph, const std::string& tensor) {
  const onnx::NodeProto* node = graph.Producer(tensor);
  if (node == nullptr || node->input_size() != 2) return std::nullopt;
  if (node->op_type() == "Mul" && node->input(0) == node->input(1)) return node->input(0);
  if (node->op_type() == "Pow" && ScalarValue(graph, node->input(1)) == 2.0) return node->input(0);
  return std::nullopt;
}

// What is divided by in `node`, and what is: Div, or Mul by a Reciprocal.
struct Quotient {
  std::string dividend;
  std::string divisor;
};

std::optional<Quotient> QuotientOf(Graph& graph, const onnx::NodeProto& node) {
  if (node.op_type() == "Div") return Quotient{node.input(0), node.input(1)};
  if (node.op_type() != "Mul") return std::nullopt;
  for (const int i : {0, 1}) {
    const onnx::NodeProto* reciprocal = ProducerOfType(graph, node.input(i), "Reciprocal");
    if (reciprocal != nullptr) return Quotient{node.input(1 - i), reciprocal->input(0)};
  }
  return std::nullopt;
}

// The normalization without scale and bias that ends in `node`.
std::optional<Match> FindNormalization(Graph& graph, onnx::NodeProto* node) {
  const std::optional<Quotient> quotient = QuotientOf(graph, *node);
  if (!quotient.has_value()) return std::nullopt;
  const onnx::NodeProto* root = ProducerOfType(graph, quotient->divisor, "Sqrt");
  const onnx::NodeProto* sum = root == nullptr ? nullptr : ProducerOfType(graph, root->input(0), "Add");
  if (sum == nullptr) return std::nullopt;
  for (const int i : {0, 1}) {
    const std::optional<double> epsilon = ScalarValue(graph, sum->input(1 - i));
    const onnx::NodeProto* variance = ProducerOfType(graph, sum->input(i), "ReduceMean");
    if (!epsilon.has_value() || *epsilon < 0 || variance == nullptr) continue;
    const std::optional<int64_t> axis = FirstReduced(graph, *variance);
    const std::optional<std::string> centered = SquareRootOf(graph, variance->input(0));
    if (!axis.has_value() || !centered.has_value()) return std::nullopt;
    const std::optional<std::string> x = CenteredInput(graph, *centered, *axis);
    if (!x.has_value() || CenteredInput(graph, quotient->dividend, *axis) != x) return std::nullopt;
    const auto shape = graph.Shape(*x);
    if (!shape.has_value() || shape != graph.Shape(node->output(0))) return std::nullopt;
    Match match{node, *x, *axis, *epsilon, {shape->begin() + *axis, shape->end()}, {}, {}};
    match.scale.assign(static_cast<size_t>(NumElements(match.shape)), 1.0F);
    return match;
  }
  return std::nullopt;
}

// The constant that `node` combines `tensor` with, one value for each normalized element.
std::optional<std::vector<float>> ElementConstant(Graph& graph, const onnx::NodeProto& node, const std::string& tensor,
                                                  const Shape& shape) {
  const onnx::TensorProto* constant = graph.Initializer(node.input(node.input(0) == tensor ? 1 : 0));
  if (constant == nullptr || constant->data_type() != onnx::TensorProto::FLOAT) return std::nullopt;
  Shape given(constant->dims().begin(), constant->dims().end());
  while (given.size() > shape.size() && given.front() == 1) given.erase(given.begin());
  if (given != shape) return std::nullopt;
  absl::StatusOr<std::vector<float>> values = FloatValues(*constant);
  if (!values.ok()) return std::nullopt;
  return *std::move(values);
}

std::optional<Match> FindMatch(Graph& graph, onnx::NodeProto* node) {
  std::optional<Match> match = FindNormalization(graph, node);
  if (!match.has_value()) return std::nullopt;
  for (const std::string op_type : {"Mul", "Add"}) {
    const std::string& tensor = match->last->output(0);
    onnx::NodeProto* next = OnlyReader(graph, tensor);
    if (next == nullptr || next->op_type() != op_type) continue;
    std::optional<std::vector<float>> values = ElementConstant(graph, *next, tensor, match->shape);
    if (!values.has_value() || graph.Shape(next->output(0)) != graph.Shape(tensor)) continue;
    (op_type == "Mul" ? match->scale : match->bias) = *std::move(values);
    match->last = next;
  }
  return match;
}

std::vector<Match> FindMatches(Graph& graph) {
  std::vector<Match> matches;
  for (onnx::NodeProto* node : graph.nodes()) {
    if (std::optional<Match> match = FindMatch(graph, node); match.has_value()) matches.push_back(*std::move(match));
  }
  return matches;
}

}  // namespace

absl::StatusOr<int> FuseLayerNorm::Run(Graph& graph) const {
  if (FindMatches(graph).empty() || !TryRaiseOpset(graph, kFirstOpset)) return 0;
  const std::vector<Match> matches = FindMatches(graph);
  for (const Match& match : matches) {
    const std::string output = match.last->output(0);
    std::vector<std::string> inputs = {match.input, graph.UniqueTensorName(output + "_scale")};
    graph.AddInitializer(FloatProto(inputs.back(), match.shape, match.scale));
    if (!match.bias.empty()) {
      inputs.push_back(graph.UniqueTensorName(output + "_bias"));
      graph.AddInitializer(FloatProto(inputs.back(), match.shape, match.bias));
    }
    Rewrite(match.last, "LayerNormalization", inputs);
    SetIntAttribute(match.last, "axis", match.axis);
    SetFloatAttribute(match.last, "epsilon", static_cast<float>(match.epsilon));
  }
  graph.Invalidate();
  graph.RemoveDeadNodes();
  return static_cast<int>(matches.size());
}

}  // namespace joinery::compiler
