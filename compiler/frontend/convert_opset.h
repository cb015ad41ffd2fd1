// Raising a model's opset.
#pragma once

#include "absl/status/status.h"
#include "compiler/ir/graph.h"
#include "onnx/onnx_pb.h"

namespace joinery::compiler {

// Raises `model` to at least `opset` with ONNX's version converter. Shapes should have been inferred: some operators
// need them. Inputs, outputs, and the names of nodes and tensors stay. The weights are not copied.
// Errors: kUnimplemented in ONNX's words if an operator cannot be converted, or if a graph within a node would have to.
absl::Status RaiseOpset(onnx::ModelProto& model, int opset);

// The same for the model of a graph, for an operator that ONNX has from that opset on. False, and nothing is changed,
// if some node cannot be converted. Afterwards nodes have other addresses; shapes are inferred anew.
bool TryRaiseOpset(Graph& graph, int opset);

}  // namespace joinery::compiler
