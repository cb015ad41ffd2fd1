// Checks that a model speaks a version of ONNX that we know, and only of operators that exist.
#pragma once

#include "absl/status/status.h"
#include "compiler/frontend/model_limits.h"
#include "onnx/onnx_pb.h"

namespace joinery::compiler {

// kInvalidArgument if the model names no IR version or opset, or newer ones than ONNX 1.21 and ONNX Runtime 1.29 know.
absl::Status CheckVersions(const onnx::ModelProto& model);

// kUnimplemented if a node, nested graphs and functions included, asks for an operator that is not in the model's
// opset, or of a domain that is not ONNX's; names node, operator and opset.
absl::Status CheckOperators(const onnx::ModelProto& model);

// kInvalidArgument if functions call themselves, are too many, or would become too many nodes where they are called.
absl::Status CheckFunctions(const onnx::ModelProto& model, const ModelLimits& limits);

}  // namespace joinery::compiler
