// Rewrites what a chip does not list into what it does.
#pragma once

#include <string>
#include <vector>

#include "absl/status/statusor.h"
#include "absl/types/span.h"
#include "compiler/ir/graph.h"
#include "joinery/v1/target.pb.h"
#include "onnx/onnx_pb.h"

namespace joinery::compiler {

struct Fitted {
  std::string op_type;
  // The first that the node made.
  std::string tensor;

  bool operator==(const Fitted& other) const = default;
};

// Split  =>  a Slice for each of its outputs.  Squeeze, Unsqueeze, Flatten  =>  Reshape to a constant shape.
//
// Only what the NPU cannot run as it is, can as it becomes, and has shapes that are known. Nothing is computed
// differently, and tensors keep their names. `left_out` stays as it is. Returns what was rewritten, in the order of the
// graph; one in which nothing is to be rewritten is not touched. Nodes that stay keep their addresses. Errors: those of
// sorting the graph.
absl::StatusOr<std::vector<Fitted>> FitToTarget(Graph& graph, const v1::TargetDescription& target,
                                                absl::Span<const onnx::NodeProto* const> left_out = {});

// Whether there is something that it may be able to rewrite.
bool MayNeedFitting(Graph& graph, const v1::TargetDescription& target);

}  // namespace joinery::compiler
