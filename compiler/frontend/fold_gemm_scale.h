// Gemm: alpha A B + beta C  =>  A B' + C' with B' = alpha B and C' = beta C, where B and C are float32 constants.
// A constant C of one value or of shape [1, N] becomes one of shape [N]. Weights that others read too are copied first.
#pragma once

#include "compiler/pass.h"

namespace joinery::compiler {

class FoldGemmScale : public Pass {
 public:
  std::string_view name() const override { return "fold_gemm_scale"; }
  absl::StatusOr<int> Run(Graph& graph) const override;
};

}  // namespace joinery::compiler
