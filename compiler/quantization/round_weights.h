// Rounds the weights of a layer together, so that its output is off the least.
#pragma once

#include <vector>

#include "compiler/quantization/layer_inputs.h"
#include "compiler/quantization/linear_weights.h"
#include "compiler/quantization/quantize.h"

namespace joinery::compiler {

// Rounds one weight of each output channel after the other; what is lost is made up for by those that are still to
// come, as far as the inputs go together. Minimizes the mean square of the error of the layer's output on `inputs`;
// with a bias, its variance, and the mean is left to the bias.
//
//   rounded  the weights rounded to nearest: its scales are kept, its values replaced
//   bias     one for each output channel, or none yet; corrected. Null: the layer has no place for one
//
// The layer must have columns. Takes time and memory in the square of its depth, so deeper layers than some thousand
// are treated in parts, as if their inputs had nothing to do with each other.
//
// Source: Frantar et al. 2023, "GPTQ: Accurate Post-Training Quantization for Generative Pre-trained Transformers"
// (arXiv:2210.17323), algorithm 1, in the order of falling variance; Nagel et al. 2019 (arXiv:1906.04721), section 4.2,
// for the bias.
void RoundToOutput(const LinearWeights& weights, const LayerInputs& inputs, QuantizedWeights& rounded,
                   std::vector<float>* bias);

}  // namespace joinery::compiler
