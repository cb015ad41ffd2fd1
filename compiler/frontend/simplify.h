// The same network with fewer nodes.
#pragma once

#include <map>
#include <string>
#include <vector>

#include "absl/status/statusor.h"
#include "compiler/ir/graph.h"

namespace joinery::compiler {

struct PassReport {
  std::string pass;
  // Over all rounds.
  int rewrites;
  // By operator: how many nodes fewer there were afterwards.
  std::map<std::string, int> removed = {};
};

// Runs all passes in turn until none finds anything to do, for a graph that ImportModel gave; infers shapes anew in
// between. Inputs, outputs and the names of tensors that stay are kept. Reports each pass once, in the order they run.
//
// Afterwards: no Constant node, except where it makes an output; nothing whose inputs are all constant, save what would
// make the model much larger; no BatchNormalization at inference; no node that changes nothing.
// Errors: those of the passes and of shape inference, naming the pass.
absl::StatusOr<std::vector<PassReport>> Simplify(Graph& graph);

}  // namespace joinery::compiler
