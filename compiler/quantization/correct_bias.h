// Takes the mean of the error that rounded weights make out of a layer's output.
#pragma once

#include <vector>

#include "absl/types/span.h"
#include "compiler/quantization/linear_weights.h"
#include "compiler/quantization/quantize.h"

namespace joinery::compiler {

// Adds to `bias`, for each output channel, sum over the weights of (float - rounded) * mean of the input channel. The
// mean of the output is then the float layer's, but for the places where padding stands in for input.
//
//   means  of the layer's input, one for each input channel
//   bias   one for each output channel; made if it is empty
//
// Source: Nagel et al. 2019, "Data-Free Quantization Through Weight Equalization and Bias Correction"
// (arXiv:1906.04721), section 4.2, with observed means.
void CorrectBias(const LinearWeights& weights, const QuantizedWeights& rounded, absl::Span<const double> means,
                 std::vector<float>& bias);

}  // namespace joinery::compiler
