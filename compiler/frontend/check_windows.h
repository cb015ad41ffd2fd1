// Checks of the windows that convolutions and pools move over their inputs.
#pragma once

#include "absl/status/status.h"
#include "onnx/onnx_pb.h"

namespace joinery::compiler {

// kInvalidArgument if a node, nested graphs and functions included, has a stride, a dilation or a size of a kernel that
// is not 1 to 2^31 - 1, or a pad beyond 2^31 - 1; names node and attribute. ONNX's shape inference divides by strides
// without looking, which ends the process.
absl::Status CheckWindows(const onnx::ModelProto& model);

}  // namespace joinery::compiler
