// From statistics of a float graph to the numbers of its quantization: which algorithms run, one after the other.
#pragma once

#include <vector>

#include "absl/status/statusor.h"
#include "compiler/calibration/observe.h"
#include "compiler/ir/graph.h"
#include "compiler/quantization/channel_class.h"
#include "compiler/quantization/equalize.h"
#include "compiler/quantization/linear_weights.h"
#include "compiler/quantization/plan.h"
#include "compiler/quantization/quantization.h"
#include "joinery/v1/build_configuration.pb.h"

namespace joinery::compiler {

// The float side of a quantization: what the algorithms may rewrite before anything is rounded.
struct FloatLayers {
  // Of the plan's linear nodes, in their order.
  std::vector<LinearWeights> weights;
  // By which the tensors of the rewritten network differ from those that were observed.
  ChannelFactors factors;
};

// What must be observed to quantize by `plan`, each tensor once. Tensors whose values are all those of another in their
// group are left out.
std::vector<ObservedTensor> TensorsToObserve(Graph& graph, const QuantizationPlan& plan,
                                             const std::vector<ChannelClass>& classes);

// The scale and zero point of each of the plan's groups. `factors` as in FloatLayers.
absl::StatusOr<std::vector<QuantizationParameters>> ChooseParameters(Graph& graph, const QuantizationPlan& plan,
                                                                     const StatisticsOfTensors& statistics,
                                                                     const ChannelFactors& factors,
                                                                     const v1::Calibration& calibration);

// The mean of each input channel of a linear node in the rewritten network; empty if it was not observed by channel.
std::vector<double> InputMeans(const LinearNode& linear, const StatisticsOfTensors& statistics,
                               const ChannelFactors& factors, int64_t channels);

// The layer's weights rounded to nearest; scales are not so small that its bias would need more than 32 bits.
QuantizedWeights RoundToNearest(const LinearNode& linear, const LinearWeights& weights, float input_scale,
                                v1::WeightGranularity granularity);

// Everything, with weights rounded to nearest.
absl::StatusOr<Quantization> QuantizeToNearest(Graph& graph, const QuantizationPlan& plan, const FloatLayers& layers,
                                               const StatisticsOfTensors& statistics,
                                               const v1::BuildConfiguration& configuration);

// Writes the rewritten weights and biases into the graph, which then computes what the quantization stands for.
void WriteWeights(const QuantizationPlan& plan, const FloatLayers& layers, Graph& graph);

}  // namespace joinery::compiler
