// The numbers of a quantization before they are written into the graph: what the algorithms of this folder work on.
#pragma once

#include <vector>

#include "compiler/quantization/quantize.h"

namespace joinery::compiler {

struct LinearQuantization {
  QuantizedWeights weights;
  // Before it is rounded; empty if the layer has none.
  std::vector<float> bias;
};

struct Quantization {
  // One for each of the plan's groups.
  std::vector<QuantizationParameters> activations;
  // One for each of the plan's linear nodes.
  std::vector<LinearQuantization> linear;
};

}  // namespace joinery::compiler
