// Checks of the tensors that a model stores.
#pragma once

#include "absl/status/status.h"
#include "compiler/frontend/model_limits.h"
#include "onnx/onnx_pb.h"

namespace joinery::compiler {

// kInvalidArgument if any tensor of the model keeps its data in another file: initializers, sparse ones, attributes, in
// nested graphs, functions and training graphs alike. The message names the tensor and says what to do.
absl::Status CheckNoExternalData(const onnx::ModelProto& model);

// kInvalidArgument if a tensor has a negative or too large dimension, data that do not fit its shape and type, or
// floats that are NaN or infinite. A single infinite number is allowed: it is a bound of Clip or what a mask fills in.
absl::Status CheckTensorData(const onnx::ModelProto& model, const ModelLimits& limits);

}  // namespace joinery::compiler
