// Lets an artifact take several samples at a time.
#pragma once

#include "absl/status/status.h"
#include "compiler/ir/graph.h"
#include "joinery/v1/build_configuration.pb.h"

namespace joinery::compiler {

// The first dimension of every input and output, which has to be 1, becomes the batch: a number, or "batch" where it
// may vary. Reshape to a constant shape that begins with 1 takes it from what it reads, where that has the batch first.
//
// Whether the graph then computes for each sample what it did before is not known here: compare.
// Errors: kInvalidArgument, naming the input or output, if its first dimension is not 1; kUnimplemented, naming the
// node or tensor, where the batch does not come through.
absl::Status SetBatch(Graph& graph, const v1::Batch& batch);

}  // namespace joinery::compiler
