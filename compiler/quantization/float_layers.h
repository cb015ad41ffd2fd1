// The float side of a quantization: what algorithms may rewrite before anything is rounded.
#pragma once

#include <vector>

#include "compiler/quantization/equalize.h"
#include "compiler/quantization/linear_weights.h"

namespace joinery::compiler {

struct FloatLayers {
  // Of the plan's linear nodes, in their order.
  std::vector<LinearWeights> weights;
  // By which the tensors of the rewritten network differ from those that were observed.
  ChannelFactors factors;
};

}  // namespace joinery::compiler
