// The cost of a model as it comes from a file.
#pragma once

#include "absl/status/statusor.h"
#include "compiler/ir/graph.h"
#include "joinery/v1/manifest.pb.h"
#include "joinery/v1/target.pb.h"
#include "onnx/onnx_pb.h"

namespace joinery::compiler {

// For a graph that ImportModel and Simplify made: what the target's NPU does not take counts as the CPU's.
// Errors: those of CostModel::Create.
absl::StatusOr<v1::Cost> EstimateFloatGraph(Graph& graph, const v1::TargetDescription& target, const v1::NpuMode& mode);

// For the model of a .joint, quantized or not: its parts say what the CPU has, if any of them is the NPU's.
// Errors: those of shape inference and of CostModel::Create.
absl::StatusOr<v1::Cost> EstimateJointModel(onnx::ModelProto model, const v1::TargetDescription& target,
                                            const v1::NpuMode& mode);

}  // namespace joinery::compiler
