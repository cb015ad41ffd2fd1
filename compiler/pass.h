// A rewrite of a graph.
#pragma once

#include <string_view>

#include "absl/status/statusor.h"
#include "compiler/ir/graph.h"

namespace joinery::compiler {

// Rewrites a graph in place. Stateless: one instance may serve many graphs.
class Pass {
 public:
  virtual ~Pass() = default;

  // One word everywhere: file name, log field, test.
  virtual std::string_view name() const = 0;

  // Returns how many rewrites were made; 0 means `graph` is untouched. Leaves the nodes in topological order.
  // After an error `graph` may be half rewritten and must be dropped.
  virtual absl::StatusOr<int> Run(Graph& graph) const = 0;
};

}  // namespace joinery::compiler
