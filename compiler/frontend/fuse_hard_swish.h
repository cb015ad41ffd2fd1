// x * HardSigmoid(x), x * clip(x + 3, 0, 6) / 6  =>  HardSwish(x)
//
// In any order of the factors and divisors. HardSwish is x * clip(x / 6 + 1/2, 0, 1), in ONNX from opset 14 on: the
// model is raised to it, or stays as it is where it cannot be.
#pragma once

#include "compiler/pass.h"

namespace joinery::compiler {

class FuseHardSwish : public Pass {
 public:
  std::string_view name() const override { return "fuse_hard_swish"; }
  absl::StatusOr<int> Run(Graph& graph) const override;
};

}  // namespace joinery::compiler
