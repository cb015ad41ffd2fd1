// From statistics of a float graph to the numbers of its quantization: which algorithms run, one after the other.
#pragma once

#include <functional>
#include <vector>

#include "absl/status/statusor.h"
#include "compiler/calibration/observe.h"
#include "compiler/ir/graph.h"
#include "compiler/quantization/channel_class.h"
#include "compiler/quantization/equalize.h"
#include "compiler/quantization/float_layers.h"
#include "compiler/quantization/layer_inputs.h"
#include "compiler/quantization/linear_weights.h"
#include "compiler/quantization/plan.h"
#include "compiler/quantization/quantization.h"
#include "joinery/v1/build_configuration.pb.h"

namespace joinery::compiler {

// What must be observed to quantize by `plan`, each tensor once. Tensors whose values are all those of another in their
// group are left out. With `all`, every float tensor is observed that some other plan for the graph might quantize.
std::vector<ObservedTensor> TensorsToObserve(Graph& graph, const QuantizationPlan& plan,
                                             const std::vector<ChannelClass>& classes, bool all = false);

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

// Rounds the weights of all layers that have inputs anew, by their outputs (see round_weights.h), several layers at
// once on as many threads. Biases are corrected if `corrects_bias`. `on_progress` is told how many of all are done; an
// error ends it and is returned.
absl::Status RoundLayersToOutput(const QuantizationPlan& plan, const FloatLayers& layers,
                                 std::vector<LayerInputs> inputs, bool corrects_bias, int threads,
                                 const std::function<absl::Status(size_t done)>& on_progress,
                                 Quantization& quantization);

// Writes the rewritten weights and biases into the graph, which then computes what the quantization stands for.
void WriteWeights(const QuantizationPlan& plan, const FloatLayers& layers, Graph& graph);

}  // namespace joinery::compiler
