// Folds what scales and shifts channels into the weights before it:
//
//   Conv, ConvTranspose or Gemm, then BatchNormalization and Mul, Add, Sub, Div by constants  =>  one node, which
//   writes the last tensor
//
// With y = W x + b and z = s y + t for each output channel: z = (s W) x + (s b + t). Conditions: all parameters are
// float32 constants, and nobody else reads what is in between. A BatchNormalization that stays becomes a depthwise 1x1
// Conv of the same name (which quantizes with a scale for each channel), or Mul and Add for inputs of two dimensions.
// Weights that others read too are copied first.
#pragma once

#include "compiler/pass.h"

namespace joinery::compiler {

class FuseBatchNorm : public Pass {
 public:
  std::string_view name() const override { return "fuse_batch_norm"; }
  absl::StatusOr<int> Run(Graph& graph) const override;
};

}  // namespace joinery::compiler
