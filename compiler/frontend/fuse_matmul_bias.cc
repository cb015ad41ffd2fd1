#include "compiler/frontend/fuse_matmul_bias.h"

#include <optional>
#include <string>
#include <vector>

#include "base/status.h"
#include "compiler/frontend/match.h"
#include "compiler/ir/tensor_proto.h"

namespace joinery::compiler {
namespace {

struct Match {
  onnx::NodeProto* product;
  onnx::NodeProto* sum;
  std::vector<int64_t> output_shape;
  int64_t rows;
  int64_t depth;
  std::vector<float> bias;
};

std::optional<Match> FindMatch(Graph& graph, onnx::NodeProto* product) {
  if (product->op_type() != "MatMul") return std::nullopt;
  const onnx::TensorProto* weights = graph.Initializer(product->input(1));
  onnx::NodeProto* sum = OnlyReader(graph, product->output(0));
  if (weights == nullptr || weights->dims_size() != 2 || weights->data_type() != onnx::TensorProto::FLOAT ||
      sum == nullptr || sum->op_type() != "Add") {
    return std::nullopt;
  }
  const auto input_shape = graph.Shape(product->input(0));
  const auto output_shape = graph.Shape(product->output(0));
  const onnx::TensorProto* bias = graph.Initializer(sum->input(sum->input(0) == product->output(0) ? 1 : 0));
  if (!input_shape.has_value() || input_shape->size() < 2 || !output_shape.has_value() ||
      output_shape != graph.Shape(sum->output(0)) || bias == nullptr || bias->data_type() != onnx::TensorProto::FLOAT) {
    return std::nullopt;
  }
  const int64_t columns = weights->dims(1);
  absl::StatusOr<std::vector<float>> values = FloatValues(*bias);
  if (!values.ok() || static_cast<int64_t>(values->size()) != columns ||
      (bias->dims_size() > 0 && bias->dims(bias->dims_size() - 1) != columns) || columns == 0 ||
      NumElements(*output_shape) == 0) {
    return std::nullopt;
  }
  return Match{product, sum, *output_shape, NumElements(*output_shape) / columns, weights->dims(0), *std::move(values)};
}

void AddReshape(Graph& graph, const onnx::NodeProto& near, const std::string& input, const std::string& output,
                const std::vector<int64_t>& shape) {
  const std::string shape_name = graph.UniqueTensorName(output + "_shape");
  graph.AddInitializer(Int64Proto(shape_name, {static_cast<int64_t>(shape.size())}, shape));
  graph.AddNode("Reshape", near.name().empty() ? "" : graph.UniqueNodeName(near.name() + "_reshape"),
                {input, shape_name}, {output});
}

void Fuse(Graph& graph, const Match& match) {
  const std::string output = match.sum->output(0);
  const std::string bias = graph.UniqueTensorName(output + "_bias");
  graph.AddInitializer(FloatProto(bias, {static_cast<int64_t>(match.bias.size())}, match.bias));
  std::string rows = match.product->input(0);
  std::string result = output;
  if (match.output_shape.size() > 2) {
    rows = graph.UniqueTensorName(rows + "_rows");
    result = graph.UniqueTensorName(output + "_rows");
    AddReshape(graph, *match.product, match.product->input(0), rows, {match.rows, match.depth});
  }
  // The sum is what reports call the layer's result; the product's node goes.
  graph.AddNode("Gemm", match.product->name(), {rows, match.product->input(1), bias}, {result});
  if (result != output) AddReshape(graph, *match.sum, result, output, match.output_shape);
}

}  // namespace

absl::StatusOr<int> FuseMatMulBias::Run(Graph& graph) const {
  std::vector<Match> matches;
  for (onnx::NodeProto* node : graph.nodes()) {
    if (std::optional<Match> match = FindMatch(graph, node); match.has_value()) matches.push_back(*std::move(match));
  }
  if (matches.empty()) return 0;
  for (const Match& match : matches) Fuse(graph, match);
  for (const Match& match : matches) {
    graph.RemoveNode(match.sum);
    graph.RemoveNode(match.product);
  }
  RETURN_IF_ERROR(graph.SortTopologically());
  graph.RemoveDeadNodes();
  return static_cast<int>(matches.size());
}

}  // namespace joinery::compiler
