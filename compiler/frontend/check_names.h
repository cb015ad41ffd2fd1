// Checks of how a model's nodes hang together.
#pragma once

#include "absl/status/status.h"
#include "compiler/frontend/model_limits.h"
#include "onnx/onnx_pb.h"

namespace joinery::compiler {

// Checks, in the main graph and all nested ones: names are UTF-8 without control characters and not too long; a tensor
// is defined once, and a nested graph does not define again what the graphs around it define; whatever is read is
// defined somewhere; there are outputs; graphs do not nest too deeply and have not too many nodes. Does not look for
// cycles. Errors: kInvalidArgument, naming node and tensor.
absl::Status CheckNames(const onnx::ModelProto& model, const ModelLimits& limits);

}  // namespace joinery::compiler
