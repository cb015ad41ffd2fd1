// The cost of a model as it comes from a file.
#pragma once

#include "absl/status/statusor.h"
#include "compiler/ir/graph.h"
#include "joinery/v1/manifest.pb.h"
#include "joinery/v1/target.pb.h"
#include "onnx/onnx_pb.h"

namespace joinery::compiler {

// For a graph that ImportModel and Simplify made, fitted to the target and divided as a build does it. Its nodes say
// afterwards in which part they are. Errors: those of CostModel::Create.
absl::StatusOr<v1::Cost> EstimateFloatGraph(Graph& graph, const v1::TargetDescription& target, const v1::NpuMode& mode);

// The same for one that is divided already: its nodes say in which part they are, or none of them does.
absl::StatusOr<v1::Cost> EstimateLabelledGraph(Graph& graph, const v1::TargetDescription& target,
                                               const v1::NpuMode& mode);

// For the model of a .joint, quantized or not: its parts say what the CPU has, if any of them is the NPU's.
// Errors: those of shape inference and of CostModel::Create.
absl::StatusOr<v1::Cost> EstimateJointModel(onnx::ModelProto model, const v1::TargetDescription& target,
                                            const v1::NpuMode& mode);

}  // namespace joinery::compiler
