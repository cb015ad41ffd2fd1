// Computes what does not depend on the inputs:
//
//   Constant(), Shape(x: 1x3x4x4), f(weights)  =>  initializers of the same names
//
// All foldable nodes are run by ONNX Runtime in one session. Left as they are: nodes that draw random numbers, nodes
// with nested graphs, quantization of weights, what makes outputs of the graph, and results that would make the model
// much larger (more than 64 MiB in total, unless no larger than what they are made of).
#pragma once

#include "compiler/pass.h"

namespace joinery::compiler {

class FoldConstants : public Pass {
 public:
  std::string_view name() const override { return "fold_constants"; }
  absl::StatusOr<int> Run(Graph& graph) const override;
};

}  // namespace joinery::compiler
