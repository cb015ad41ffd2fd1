// Which number format each node was configured to have.
#pragma once

#include <string>
#include <vector>

#include "absl/status/statusor.h"
#include "compiler/ir/graph.h"
#include "compiler/quantization/plan.h"
#include "joinery/v1/build_configuration.pb.h"

namespace joinery::compiler {

// Resolves `layers` (see LayerFormat) for the graph's nodes, which must outlive the result. `notes` gets a sentence for
// each name, pattern and operator that no node has. Errors: kInvalidArgument if a pattern is not a regular expression.
absl::StatusOr<BitsOfNode> ResolveLayerFormats(const v1::Quantization& quantization, Graph& graph,
                                               std::vector<std::string>& notes);

}  // namespace joinery::compiler
