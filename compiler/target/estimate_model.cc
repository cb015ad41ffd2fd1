#include "compiler/target/estimate_model.h"

#include <algorithm>
#include <string>
#include <unordered_map>
#include <utility>
#include <vector>

#include "absl/strings/match.h"
#include "base/status.h"
#include "compiler/backend/parts.h"
#include "compiler/frontend/infer_shapes.h"
#include "compiler/target/cost_model.h"
#include "compiler/target/layer_shapes.h"
#include "compiler/target/network_partition.h"

namespace joinery::compiler {

absl::StatusOr<v1::Cost> EstimateLabelledGraph(Graph& graph, const v1::TargetDescription& target,
                                               const v1::NpuMode& mode) {
  std::vector<LayerShape> layers = ListLayers(graph);
  std::unordered_map<std::string, int> number_of;
  for (LayerShape& layer : layers) {
    const std::string part(PartOf(*graph.Producer(layer.tensors.front())));
    layer.on_cpu = absl::StartsWith(part, "cpu");
    layer.part = number_of.try_emplace(part, static_cast<int>(number_of.size())).first->second;
  }
  return EstimateCost(layers, BoundaryBytes(graph), target, mode, EstimateHandOverUs(graph, target));
}

absl::StatusOr<v1::Cost> EstimateFloatGraph(Graph& graph, const v1::TargetDescription& target,
                                            const v1::NpuMode& mode) {
  const NetworkPartitioner partitioner(target, mode);
  RETURN_IF_ERROR(partitioner.Fit(graph, {}).status());
  ASSIGN_OR_RETURN(const NetworkPartition partition, partitioner.Divide(graph, {}, {}));
  LabelParts(partition, graph);
  return EstimateLabelledGraph(graph, target, mode);
}

absl::StatusOr<v1::Cost> EstimateJointModel(onnx::ModelProto model, const v1::TargetDescription& target,
                                            const v1::NpuMode& mode) {
  RETURN_IF_ERROR(InferShapes(model));
  Graph graph(std::move(model));
  const auto nodes = graph.nodes();
  const bool npu_has_a_part = std::any_of(
      nodes.begin(), nodes.end(), [](const onnx::NodeProto* node) { return absl::StartsWith(PartOf(*node), "npu"); });
  // A model for no chip in particular says nothing about this one.
  if (!npu_has_a_part) return EstimateCost(ListLayers(graph), BoundaryBytes(graph), target, mode);
  return EstimateLabelledGraph(graph, target, mode);
}

}  // namespace joinery::compiler
