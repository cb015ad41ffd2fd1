// clip(x + 3, 0, 6) / 6, and whatever else is p * clip(a x + b, low, high) + q  =>  HardSigmoid(x)
//
// Condition: p * low + q = 0 and p * high + q = 1, p > 0, and all constants have one value. Then
// p * clip(a x + b, low, high) + q = clip(p a x + p b + q, 0, 1), which is HardSigmoid with alpha = p a, beta = p b +
// q.
#pragma once

#include "compiler/pass.h"

namespace joinery::compiler {

class FuseHardSigmoid : public Pass {
 public:
  std::string_view name() const override { return "fuse_hard_sigmoid"; }
  absl::StatusOr<int> Run(Graph& graph) const override;
};

}  // namespace joinery::compiler
