// Types and shapes of all tensors of a model.
#pragma once

#include "absl/status/status.h"
#include "onnx/onnx_pb.h"

namespace joinery::compiler {

// Forgets what the model says about the types and shapes of its intermediate tensors and the shapes of its outputs, and
// infers them anew from the inputs, following constants through computations of shapes.
// Errors: kInvalidArgument in ONNX's words, naming the node, if an operator's inputs do not fit it.
absl::Status InferShapes(onnx::ModelProto& model);

}  // namespace joinery::compiler
