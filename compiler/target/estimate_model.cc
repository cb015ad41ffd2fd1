#include "compiler/target/estimate_model.h"

#include <algorithm>
#include <string>
#include <unordered_set>
#include <utility>
#include <vector>

#include "absl/strings/match.h"
#include "base/status.h"
#include "compiler/frontend/infer_shapes.h"
#include "compiler/target/cost_model.h"
#include "compiler/target/layer_shapes.h"
#include "compiler/target/support.h"

namespace joinery::compiler {
namespace {

constexpr char kPartKey[] = "joinery.part";

std::string PartOf(const onnx::NodeProto& node) {
  for (const auto& property : node.metadata_props()) {
    if (property.key() == kPartKey) return property.value();
  }
  return "";
}

// Tensors that nodes on the CPU write.
std::unordered_set<std::string> TensorsOfCpuParts(Graph& graph) {
  std::unordered_set<std::string> tensors;
  bool npu_has_a_part = false;
  for (const onnx::NodeProto* node : graph.nodes()) {
    const std::string part = PartOf(*node);
    npu_has_a_part |= absl::StartsWith(part, "npu");
    if (absl::StartsWith(part, "cpu")) tensors.insert(node->output().begin(), node->output().end());
  }
  // A model for no chip in particular says nothing about this one.
  if (!npu_has_a_part) tensors.clear();
  return tensors;
}

}  // namespace

absl::StatusOr<v1::Cost> EstimateFloatGraph(Graph& graph, const v1::TargetDescription& target,
                                            const v1::NpuMode& mode) {
  std::vector<LayerShape> layers = ListLayers(graph);
  for (LayerShape& layer : layers) {
    layer.on_cpu = std::any_of(layer.tensors.begin(), layer.tensors.end(), [&](const std::string& tensor) {
      const Support::Placement placement = CheckNode(graph, *graph.Producer(tensor), target).placement;
      return placement == Support::Placement::kCpu || placement == Support::Placement::kImpossible;
    });
  }
  return EstimateCost(layers, BoundaryBytes(graph), target, mode);
}

absl::StatusOr<v1::Cost> EstimateJointModel(onnx::ModelProto model, const v1::TargetDescription& target,
                                            const v1::NpuMode& mode) {
  RETURN_IF_ERROR(InferShapes(model));
  Graph graph(std::move(model));
  const std::unordered_set<std::string> on_cpu = TensorsOfCpuParts(graph);
  std::vector<LayerShape> layers = ListLayers(graph);
  for (LayerShape& layer : layers) layer.on_cpu = on_cpu.count(layer.tensors.front()) > 0;
  return EstimateCost(layers, BoundaryBytes(graph), target, mode);
}

}  // namespace joinery::compiler
