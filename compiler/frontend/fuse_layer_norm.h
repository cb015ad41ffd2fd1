// d = x - mean(x); d / sqrt(mean(d^2) + epsilon) * scale + bias  =>  LayerNormalization(x, scale, bias)
//
// Condition: both means are over the same last dimensions; scale and bias, which may be missing, are constants with a
// value for each of their elements. In ONNX from opset 17 on: the model is raised to it, or stays as it is where it
// cannot be.
#pragma once

#include "compiler/pass.h"

namespace joinery::compiler {

class FuseLayerNorm : public Pass {
 public:
  std::string_view name() const override { return "fuse_layer_norm"; }
  absl::StatusOr<int> Run(Graph& graph) const override;
};

}  // namespace joinery::compiler
