// x / 2 * (1 + erf(x / sqrt(2)))                            =>  Gelu(x)
// x / 2 * (1 + tanh(sqrt(2 / pi) * (x + 0.044715 x^3)))     =>  Gelu<approximate = "tanh">(x)
//
// In any order of the factors and terms. In ONNX from opset 20 on: the model is raised to it, or stays as it is where
// it cannot be.
#pragma once

#include "compiler/pass.h"

namespace joinery::compiler {

class FuseGelu : public Pass {
 public:
  std::string_view name() const override { return "fuse_gelu"; }
  absl::StatusOr<int> Run(Graph& graph) const override;
};

}  // namespace joinery::compiler
