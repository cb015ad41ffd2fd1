// One network on one target.
#pragma once

#include <map>
#include <string>

#include "absl/status/statusor.h"
#include "compiler/ir/graph.h"
#include "joinery/v1/check.pb.h"
#include "joinery/v1/target.pb.h"

namespace joinery::compiler {

// Nodes of one operator that a target's NPU does not take.
struct OffNpu {
  int count = 0;
  // Of the first.
  std::string reason;
};

// By operator. For a graph as it was before it was simplified: what rewrites are good for. Constants do not count.
std::map<std::string, OffNpu> FindOffNpu(Graph& graph, const v1::TargetDescription& target);

// Fits a simplified graph to the target and divides it for the target's first mode, as a build would do it, and places
// every node. The nodes may say afterwards in which part they are.
//
//   before    FindOffNpu of the graph before it was simplified
//   rewrites  by operator, the passes that removed nodes of it
// Errors: those of dividing; kFailedPrecondition if the description has no mode.
absl::StatusOr<v1::TargetCheck> CheckTarget(Graph& graph, const v1::TargetDescription& target,
                                            const std::map<std::string, OffNpu>& before,
                                            const std::map<std::string, std::string>& rewrites);

// Elements of all constants.
int64_t CountParameters(const Graph& graph);

}  // namespace joinery::compiler
