// Makes convolutions say what the size of their kernel is.
#pragma once

#include "absl/status/status.h"
#include "onnx/onnx_pb.h"

namespace joinery::compiler {

// Gives every convolution, nested graphs included, that leaves kernel_shape to be read off its weights the attribute
// itself. ONNX's shape inference compares the attribute with the rank of the input, but reads beyond the end of the
// input's shape where it is missing and the weights' rank is larger.
//
// Errors: kUnimplemented, naming the node, if kernel_shape is missing and the weights are not constant;
// kInvalidArgument if the weights have less than 2 dimensions.
absl::Status StateKernelShapes(onnx::ModelProto& model);

}  // namespace joinery::compiler
