#include "compiler/frontend/fold_gemm_scale.h"

#include <string>

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

}  // namespace

absl::StatusOr<int> FoldGemmScale::Run(Graph& graph) const {
  WeightEditor editor(graph);
  int rewrites = 0;
  for (onnx::NodeProto* node : graph.nodes()) {
    if (node->op_type() != "Gemm") continue;
    ASSIGN_OR_RETURN(const int weights, FoldAttribute(graph, editor, node, 1, "alpha"));
    ASSIGN_OR_RETURN(const int bias, FoldAttribute(graph, editor, node, 2, "beta"));
    rewrites += weights + bias;
  }
  editor.Apply();
  return rewrites;
}

}  // namespace joinery::compiler
