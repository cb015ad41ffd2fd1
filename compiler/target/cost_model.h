// How long a layer and a network take on a chip, and how much memory: an estimate from shapes alone, by a roofline.
// What it rests on and how far it is off: docs/cost_model.md. The figures come from the target's description.
//
// A layer takes the longest of three times, and an overhead:
//   compute  multiplications, of a convolution with its channels filled up to whole groups, over the part of the mode's
//            peak that such layers reach
//   vector   elements of operators without weights, and of activation functions that are not free, by operator
//   memory   bytes of weights, and of inputs and outputs beyond what fits on the chip, over the bandwidth
// Layers come one after the other; the network has an overhead of its own for each part that the NPU runs in one go.
#pragma once

#include <cstdint>
#include <map>
#include <string>
#include <vector>

#include "absl/status/statusor.h"
#include "compiler/ir/graph.h"
#include "compiler/target/layer_shapes.h"
#include "joinery/v1/manifest.pb.h"
#include "joinery/v1/target.pb.h"

namespace joinery::compiler {

// Thread-safe once made.
class CostModel {
 public:
  // kFailedPrecondition if the description has not the figures it takes; the message names the field.
  static absl::StatusOr<CostModel> Create(const v1::TargetDescription& target, const v1::NpuMode& mode);

  // On the NPU, or on the CPU beside it if `layer.on_cpu` or the target has no NPU.
  v1::LayerCost Estimate(const LayerShape& layer) const;

  // Microseconds, for each part of the network that the NPU runs in one go. 0 without an NPU.
  double network_overhead_us() const { return network_overhead_us_; }

 private:
  CostModel() = default;

  void EstimateOnNpu(const LayerShape& layer, v1::LayerCost& cost) const;
  void EstimateOnCpu(const LayerShape& layer, v1::LayerCost& cost) const;
  double VectorElements(const LayerShape& layer) const;

  bool cpu_only_ = false;
  // Multiplications a microsecond, by what does them.
  double convolution_rate_ = 0;
  double depthwise_rate_ = 0;
  double matmul_rate_ = 0;
  int64_t input_channel_group_ = 1;
  int64_t output_channel_group_ = 1;
  // Elements of factor 1 a microsecond.
  double vector_rate_ = 0;
  std::map<std::string, double> operator_factors_;
  // Bytes a microsecond, and bytes.
  double bandwidth_ = 0;
  double buffer_bytes_ = 0;
  double network_overhead_us_ = 0;
  double layer_overhead_us_ = 0;
  // Operations and elements a microsecond; 0 if not known.
  double cpu_operation_rate_ = 0;
  double cpu_element_rate_ = 0;
};

// Two for each multiplication of a convolution or a product of matrices; 0 for all other layers.
int64_t Operations(const LayerShape& layer);

// Bytes of the graph's inputs and outputs on the chip: what is float counts as 8 bits, all else by its type.
int64_t BoundaryBytes(Graph& graph);

// The whole network: layers, totals, the target's other modes, and in words what dominates and what would help. Each
// part of the network that the NPU has takes the network's overhead, and `hand_over_us` is what the CPU's parts take
// beside their layers.
// Errors: those of CostModel::Create.
absl::StatusOr<v1::Cost> EstimateCost(const std::vector<LayerShape>& layers, int64_t boundary_bytes,
                                      const v1::TargetDescription& target, const v1::NpuMode& mode,
                                      double hand_over_us = 0);

}  // namespace joinery::compiler
