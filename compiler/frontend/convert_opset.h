// Raising a model's opset.
#pragma once

#include "absl/status/status.h"
#include "onnx/onnx_pb.h"

namespace joinery::compiler {

// Raises `model` to at least `opset` with ONNX's version converter. Shapes should have been inferred: some operators
// need them. Inputs, outputs, and the names of nodes and tensors stay. The weights are not copied.
// Errors: kUnimplemented in ONNX's words if an operator cannot be converted, or if a graph within a node would have to.
absl::Status RaiseOpset(onnx::ModelProto& model, int opset);

}  // namespace joinery::compiler
