// Which layers need more than 8 bits for the outputs to be as exact as asked for.
#pragma once

#include <functional>
#include <map>
#include <memory>
#include <string>
#include <unordered_map>
#include <vector>

#include "absl/status/statusor.h"
#include "compiler/calibration/observe.h"
#include "compiler/ir/graph.h"
#include "compiler/quantization/equalize.h"
#include "compiler/quantization/plan.h"
#include "compiler/quantization/quantization.h"
#include "joinery/v1/build_configuration.pb.h"
#include "joinery/v1/manifest.pb.h"
#include "onnx/onnx_pb.h"

namespace joinery::compiler {

// A float network and all that is known of it: enough to quantize it in any mix of number formats without looking at
// the calibration set again. Must outlive those who use it.
struct Quantizable {
  // After algorithms rewrote its weights. Shapes are inferred.
  const onnx::ModelProto& model;
  // One output of each node that is not part of the network, such as the preprocessing.
  std::vector<std::string> left_out;
  const StatisticsOfTensors& statistics;
  const ChannelFactors& factors;
  // By the output of the layer.
  std::unordered_map<std::string, LinearQuantization> linear;
  const v1::BuildConfiguration& configuration;
  // Of 8-bit groups, by their first tensor, what is not chosen by range: scales that were refined.
  std::unordered_map<std::string, QuantizationParameters> refined = {};
  CpuNodes on_cpu = {};
};

// Formats that differ from the configuration's, by a tensor that the node makes.
using ChosenBits = std::map<std::string, v1::LayerBits>;

// The format of each node of the graph: what was chosen for it, else what is configured. `graph` and `chosen` must
// outlive the result. Errors: those of ResolveLayerFormats.
absl::StatusOr<BitsOfNode> ResolveWithChosen(const v1::Quantization& quantization, const ChosenBits& chosen,
                                             Graph& graph, std::vector<std::string>& notes);

struct Quantized {
  // With QuantizeLinear and DequantizeLinear.
  std::unique_ptr<Graph> graph;
  // Its nodes are those of `graph`.
  QuantizationPlan plan;
  Quantization quantization;
};

// Errors: kInvalidArgument for layer formats that are no regular expressions; those of ApplyQuantization.
absl::StatusOr<Quantized> QuantizeAs(const Quantizable& network, const ChosenBits& chosen);

struct PrecisionGoal {
  // What every output must reach; 0: no such goal.
  double cosine = 0;
  double sqnr_db = 0;
  // The format that layers are given.
  v1::LayerBits bits = v1::LAYER_BITS_16;
};

struct PrecisionSearchOptions {
  size_t num_samples = 16;
  int threads = 1;
  // Where the networks run; null: on the CPU.
  Device* device = nullptr;
  LoadSampleFunction load;
  // Between 0 and 1; an error ends the search and is returned.
  std::function<absl::Status(double fraction)> on_progress;
};

struct PrecisionSearchResult {
  ChosenBits chosen;
  bool is_reached = false;
  // Of everything that was tried, by falling error.
  std::vector<v1::TradeOffPoint> curve;
};

// Layers are put in order: by how much of the outputs' error is theirs if they alone are quantized, for each operation
// it costs to have them in 16 bits; those that are to be float, by their error alone. The shortest beginning of this
// order that reaches the goal is found by halving, beginning with `chosen`. What does not reach it with all layers is
// returned with all of them and is_reached false.
absl::StatusOr<PrecisionSearchResult> SearchPrecision(const Quantizable& network, const PrecisionGoal& goal,
                                                      const ChosenBits& chosen, const PrecisionSearchOptions& options);

}  // namespace joinery::compiler
