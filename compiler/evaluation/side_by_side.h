// A float model, its quantized counterpart, and the float layers on quantized inputs, as one model.
#pragma once

#include "absl/status/statusor.h"
#include "absl/types/span.h"
#include "compiler/evaluation/pair_layers.h"
#include "onnx/onnx_pb.h"

namespace joinery::compiler {

// Three outputs for each of `wanted`, in this order:
//   float      the tensor in the float model
//   isolated   the same from the float layer, which reads what the quantized model gives it
//   quantized  the tensor in the quantized model, dequantized
// One model gives them all, so that three results for a sample need one run and one session.
//
//   layers  of both models, as PairLayers made them
//   wanted  indices of layers; what only others need is left out
//
// The models must use the same operator sets (see UnifyOpsets) and take the same inputs.
// Errors: kInvalidArgument if they take other inputs.
absl::StatusOr<onnx::ModelProto> PutSideBySide(const onnx::ModelProto& float_model, const onnx::ModelProto& quantized,
                                               absl::Span<const LayerPair> layers, absl::Span<const size_t> wanted);

// kInvalidArgument if a graph input of the one is missing in the other, or has another type.
absl::Status CheckSameInputs(const onnx::ModelProto& float_model, const onnx::ModelProto& quantized);

}  // namespace joinery::compiler
