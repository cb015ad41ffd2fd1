#include <algorithm>
#include <set>

#include "base/status.h"
#include "compiler/ir/tensor.h"
#include "compiler/ir/tensor_proto.h"
#include "compiler/target/cost_findings.h"
#include "compiler/target/cost_model.h"

namespace joinery::compiler {
namespace {

// What the program for the NPU takes for a layer: 168 KiB for the 65 layers of MobileNetV2 in the vendor's published
// log.
constexpr int64_t kCodeBytesPerLayer = 2647;
constexpr int64_t kBiasBytes = 4;

struct Totals {
  double time_us = 0;
  double overhead_us = 0;
};

Totals TimeOf(const CostModel& model, const std::vector<LayerShape>& layers, double hand_over_us, v1::Cost* cost) {
  Totals totals;
  totals.overhead_us = hand_over_us;
  std::set<int> npu_parts;
  for (const LayerShape& layer : layers) {
    v1::LayerCost of_layer = model.Estimate(layer);
    totals.time_us += of_layer.time_us();
    const bool starts_part = of_layer.time_us() > 0 && !layer.on_cpu && npu_parts.insert(layer.part).second;
    if (starts_part) totals.overhead_us += model.network_overhead_us();
    if (cost != nullptr) *cost->add_layers() = std::move(of_layer);
  }
  totals.time_us += totals.overhead_us;
  return totals;
}

int64_t ActivationBytes(const LayerShape& layer) {
  int64_t elements = NumElements(layer.output);
  for (const Dimensions& input : layer.inputs) elements += NumElements(input);
  return elements * layer.bits / 8;
}

void AddMemory(const std::vector<LayerShape>& layers, int64_t boundary_bytes, v1::Cost& cost) {
  int64_t swap_bytes = 0;
  int64_t code_bytes = 0;
  int64_t bias_bytes = 0;
  for (int i = 0; i < cost.layers_size(); ++i) {
    const v1::LayerCost& layer = cost.layers(i);
    if (layer.time_us() == 0) continue;
    cost.set_operations(cost.operations() + layer.operations());
    cost.set_weight_bytes(cost.weight_bytes() + layer.weight_bytes());
    cost.set_dram_traffic_bytes(cost.dram_traffic_bytes() + layer.dram_bytes());
    swap_bytes = std::max(swap_bytes, layer.dram_bytes() - layer.weight_bytes());
    cost.set_on_chip_bytes(std::max(cost.on_chip_bytes(), ActivationBytes(layers[i])));
    code_bytes += layers[i].on_cpu ? 0 : kCodeBytesPerLayer;
    if (!layers[i].weights.empty() && layers[i].output.size() > 1) bias_bytes += kBiasBytes * layers[i].output[1];
  }
  cost.set_dram_traffic_bytes(cost.dram_traffic_bytes() + boundary_bytes);
  cost.set_memory_bytes(cost.weight_bytes() + bias_bytes + swap_bytes + code_bytes + boundary_bytes);
}

}  // namespace

int64_t BoundaryBytes(Graph& graph) {
  // What a float model has in float the chip has in 8 bits.
  const auto size = [&](const std::string& tensor) {
    const int32_t type = graph.ElementType(tensor);
    const int64_t bytes = type == onnx::TensorProto::FLOAT ? 1 : static_cast<int64_t>(ElementSize(type));
    return bytes * NumElements(graph.Shape(tensor).value_or(Dimensions{0}));
  };
  int64_t bytes = 0;
  for (const onnx::ValueInfoProto* input : graph.Inputs()) bytes += size(input->name());
  for (const auto& output : graph.proto().output()) bytes += size(output.name());
  return bytes;
}

absl::StatusOr<v1::Cost> EstimateCost(const std::vector<LayerShape>& layers, int64_t boundary_bytes,
                                      const v1::TargetDescription& target, const v1::NpuMode& mode,
                                      double hand_over_us) {
  ASSIGN_OR_RETURN(const CostModel model, CostModel::Create(target, mode));
  v1::Cost cost;
  cost.set_target(target.name());
  cost.set_mode(mode.name());
  const Totals totals = TimeOf(model, layers, hand_over_us, &cost);
  cost.set_latency_ms(totals.time_us / 1e3);
  cost.set_network_overhead_ms(totals.overhead_us / 1e3);
  AddMemory(layers, boundary_bytes, cost);
  cost.set_median_error_percent(target.cost().median_error_percent().value());
  cost.set_p90_error_percent(target.cost().p90_error_percent().value());
  cost.set_tested_latencies(target.cost().tested_latencies());
  for (const v1::NpuMode& other : target.modes()) {
    ASSIGN_OR_RETURN(const CostModel other_model, CostModel::Create(target, other));
    v1::ModeCost* of_mode = cost.add_modes();
    of_mode->set_mode(other.name());
    of_mode->set_latency_ms(TimeOf(other_model, layers, hand_over_us, nullptr).time_us / 1e3);
    of_mode->set_shares_with_isp(other.shares_with_isp());
  }
  AddFindings(layers, model, cost);
  return cost;
}

}  // namespace joinery::compiler
