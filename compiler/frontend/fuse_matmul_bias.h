// MatMul(x, weights) + bias  =>  Gemm(x, weights, bias)
//
// Condition: weights [K, N] and bias [N] are constants, and nobody else reads the product. An x of more than two
// dimensions is reshaped to rows before, and the result back after.
#pragma once

#include "compiler/pass.h"

namespace joinery::compiler {

class FuseMatMulBias : public Pass {
 public:
  std::string_view name() const override { return "fuse_matmul_bias"; }
  absl::StatusOr<int> Run(Graph& graph) const override;
};

}  // namespace joinery::compiler
