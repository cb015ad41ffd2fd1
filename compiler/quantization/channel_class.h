// Which tensors could have their channels scaled together without a change of what the network computes.
#pragma once

#include <cstdint>
#include <limits>
#include <string>
#include <vector>

#include "compiler/ir/graph.h"
#include "compiler/quantization/linear_weights.h"
#include "compiler/quantization/plan.h"

namespace joinery::compiler {

// Tensors whose channels belong together because what stands between them keeps each channel to itself and turns
// multiples into the same multiples: Add, Relu, pooling and their like. If channel c of all of them is multiplied by
// f[c] > 0, by way of the producers' weights and biases, and the consumers' weights for it are divided by f[c], the
// network computes the same; where a Clip cuts off at `limit`, as long as no value gets beyond it that did not before.
struct ChannelClass {
  // All that are made in the class, quantized or not. Channels are dimension 1.
  std::vector<std::string> tensors;
  int64_t channels = 0;
  // Linear nodes of the plan, by number: those whose output is in the class, and those that read it.
  std::vector<size_t> producers;
  std::vector<size_t> consumers;
  // The lowest upper bound of the Clips within.
  float limit = std::numeric_limits<float>::infinity();
};

// In the order of their first tensors. A tensor that a graph input or output, or any other operator touches is in none;
// nor is one of a node whose weights others read, too.
//
// Source: Nagel et al. 2019, "Data-Free Quantization Through Weight Equalization and Bias Correction"
// (arXiv:1906.04721), section 4.1, extended from pairs of layers to all tensors that additions tie together.
std::vector<ChannelClass> FindChannelClasses(Graph& graph, const QuantizationPlan& plan,
                                             const std::vector<LinearWeights>& weights);

}  // namespace joinery::compiler
