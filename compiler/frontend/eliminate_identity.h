// Removes nodes that change nothing:
//
//   Identity, Dropout, Cast to the same type, Reshape, Flatten or Expand to the same shape, Transpose to the same
//   order, Pad by nothing, Concat or Sum of one, Slice of everything, Tile by ones, x + 0, x - 0, x * 1, x / 1
//
// and joins Transpose(Transpose(x)) into one. Outputs of the graph keep their names: then the tensor that is read loses
// its own. A node between an input, a constant or another output and an output of the graph stays.
#pragma once

#include "compiler/pass.h"

namespace joinery::compiler {

class EliminateIdentity : public Pass {
 public:
  std::string_view name() const override { return "eliminate_identity"; }
  absl::StatusOr<int> Run(Graph& graph) const override;
};

}  // namespace joinery::compiler
