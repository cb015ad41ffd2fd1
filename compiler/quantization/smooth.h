// Moves the spread of activations between channels into the weights that read them, in transformer blocks.
#pragma once

#include <cstdint>
#include <string>
#include <vector>

#include "absl/status/statusor.h"
#include "compiler/calibration/observe.h"
#include "compiler/ir/graph.h"
#include "compiler/quantization/equalize.h"
#include "compiler/quantization/float_layers.h"
#include "compiler/quantization/linear_weights.h"
#include "compiler/quantization/plan.h"

namespace joinery::compiler {

// The output of a LayerNormalization over its last dimension that only quantized Gemm and MatMul read: whatever its
// channels, the last dimension, are multiplied by, the weights of these layers can be divided by.
struct NormalizedTensor {
  // The output itself, and what only reshapes it.
  std::vector<std::string> tensors;
  int64_t channels = 0;
  // Constants of the normalization that nobody else reads; the bias may be missing.
  std::string scale;
  std::string bias;
  // Linear nodes of the plan, by number.
  std::vector<size_t> consumers;
};

// In the order of the graph.
std::vector<NormalizedTensor> FindNormalizedTensors(Graph& graph, const QuantizationPlan& plan,
                                                    const std::vector<LinearWeights>& weights);

// Has the statistics of these tensors collected by channel, which Smooth needs.
void ObserveByChannel(Graph& graph, const std::vector<NormalizedTensor>& normalized,
                      std::vector<ObservedTensor>& observed);

// Divides channel j of each tensor by s_j = max|X_j|^strength / max|W_j|^(1 - strength), by way of the normalization's
// constants in `graph`, and multiplies the weights for it in layers.weights; the network computes the same. Writes what
// tensors were multiplied by into layers.factors. A channel that is always zero, or is read by nobody, stays as it is.
//
//   strength  0 < strength <= 1
//
// Returns how many tensors were smoothed. Errors: as FloatValues, naming the initializer.
//
// Source: Xiao et al. 2022, "SmoothQuant: Accurate and Efficient Post-Training Quantization for Large Language Models"
// (arXiv:2211.10438), equation 4.
absl::StatusOr<int> Smooth(const std::vector<NormalizedTensor>& normalized, const StatisticsOfTensors& statistics,
                           double strength, Graph& graph, FloatLayers& layers);

}  // namespace joinery::compiler
