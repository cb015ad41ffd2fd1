#include "compiler/frontend/infer_shapes.h"

#include <exception>
#include <vector>

#include "absl/strings/str_cat.h"
#include "absl/strings/str_replace.h"
#include "base/status.h"
#include "compiler/frontend/check_windows.h"
#include "onnx/shape_inference/implementation.h"

namespace joinery::compiler {
namespace {

// The declared shapes of the graph's outputs, which are taken out of it.
std::vector<onnx::TensorShapeProto> TakeOutputShapes(onnx::GraphProto* graph) {
  std::vector<onnx::TensorShapeProto> shapes(static_cast<size_t>(graph->output_size()));
  for (int i = 0; i < graph->output_size(); ++i) {
    onnx::TypeProto* type = graph->mutable_output(i)->mutable_type();
    if (!type->has_tensor_type() || !type->tensor_type().has_shape()) continue;
    shapes[static_cast<size_t>(i)] = type->tensor_type().shape();
    type->mutable_tensor_type()->clear_shape();
  }
  return shapes;
}

}  // namespace

absl::Status InferShapes(onnx::ModelProto& model) {
  // Once more: calls of functions may have brought other attributes with them.
  RETURN_IF_ERROR(CheckWindows(model));
  onnx::GraphProto* graph = model.mutable_graph();
  graph->clear_value_info();
  const std::vector<onnx::TensorShapeProto> declared = TakeOutputShapes(graph);
  try {
    onnx::shape_inference::InferShapes(
        model, onnx::OpSchemaRegistry::Instance(),
        onnx::ShapeInferenceOptions(/*check_type_val=*/true, /*strict_mode_val=*/1, /*data_prop_val=*/true));
  } catch (const std::exception& error) {
    return absl::InvalidArgumentError(
        absl::StrCat("shapes do not fit together: ", absl::StrReplaceAll(error.what(), {{"\n", " "}})));
  }
  // What the model says of an output is better than nothing.
  for (int i = 0; i < graph->output_size(); ++i) {
    onnx::TypeProto* type = graph->mutable_output(i)->mutable_type();
    const onnx::TensorShapeProto& shape = declared[static_cast<size_t>(i)];
    if (type->has_tensor_type() && !type->tensor_type().has_shape() && shape.dim_size() > 0) {
      *type->mutable_tensor_type()->mutable_shape() = shape;
    }
  }
  return absl::OkStatus();
}

}  // namespace joinery::compiler
