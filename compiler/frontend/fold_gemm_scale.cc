#include "compiler/frontend/fold_gemm_scale.h"

#include <cstdint>
#include <string>
#include <vector>

#include "base/status.h"
#include "compiler/frontend/weight_editor.h"

namespace joinery::compiler {
namespace {

// Multiplies the constant that is the node's `index`th input by its attribute `name`, which then is 1.
absl::StatusOr<int> FoldAttribute(Graph& graph, WeightEditor& editor, onnx::NodeProto* node, int index,
                                  const std::string& name) {
  const float scale = FloatAttribute(*node, name, 1.0F);
  if (scale == 1.0F || index >= node->input_size()) return 0;
  const onnx::TensorProto* tensor = graph.Initializer(node->input(index));
  if (tensor == nullptr || tensor->data_type() != onnx::TensorProto::FLOAT) return 0;
  ASSIGN_OR_RETURN(std::vector<float> values, FloatValues(*tensor));
  for (float& value : values) value *= scale;
  editor.Replace(node, index, {tensor->dims().begin(), tensor->dims().end()}, values, node->output(0) + "_" + name);
  for (onnx::AttributeProto& attribute : *node->mutable_attribute()) {
    if (attribute.name() == name) attribute.set_f(1.0F);
  }
  return 1;
}

// Gives a constant bias of one value, or of a row among more dimensions, one value for each column.
absl::StatusOr<int> SpreadBias(Graph& graph, WeightEditor& editor, onnx::NodeProto* node) {
  const auto shape = graph.Shape(node->output(0));
  const onnx::TensorProto* bias = node->input_size() < 3 ? nullptr : graph.Initializer(node->input(2));
  if (!shape.has_value() || shape->size() != 2 || bias == nullptr || bias->data_type() != onnx::TensorProto::FLOAT) {
    return 0;
  }
  const int64_t columns = shape->back();
  ASSIGN_OR_RETURN(std::vector<float> values, FloatValues(*bias));
  const bool is_row = bias->dims_size() > 0 && bias->dims(bias->dims_size() - 1) == columns &&
                      static_cast<int64_t>(values.size()) == columns;
  if ((bias->dims_size() == 1 && is_row) || (values.size() != 1 && !is_row)) return 0;
  if (values.size() == 1) values.resize(static_cast<size_t>(columns), values.front());
  editor.Replace(node, 2, {columns}, values, node->output(0) + "_bias");
  return 1;
}

}  // namespace

absl::StatusOr<int> FoldGemmScale::Run(Graph& graph) const {
  WeightEditor editor(graph);
  int rewrites = 0;
  for (onnx::NodeProto* node : graph.nodes()) {
    if (node->op_type() != "Gemm") continue;
    ASSIGN_OR_RETURN(const int weights, FoldAttribute(graph, editor, node, 1, "alpha"));
    ASSIGN_OR_RETURN(int bias, FoldAttribute(graph, editor, node, 2, "beta"));
    // At most one new value for each input in a run; the next one does the rest.
    if (bias == 0) {
      ASSIGN_OR_RETURN(bias, SpreadBias(graph, editor, node));
    }
    rewrites += weights + bias;
  }
  editor.Apply();
  return rewrites;
}

}  // namespace joinery::compiler
