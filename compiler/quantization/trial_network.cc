#include "compiler/quantization/trial_network.h"

#include <algorithm>
#include <unordered_map>

#include "base/status.h"
#include "compiler/ir/tensor.h"
#include "compiler/quantization/apply.h"

namespace joinery::compiler {
namespace {

constexpr size_t kFewestSamples = 2;
constexpr double kLargestBytes = 100e6;

// The plan for a copy of the graph that it was made for.
QuantizationPlan Transfer(const QuantizationPlan& plan, Graph& from, Graph& to) {
  const std::vector<onnx::NodeProto*> originals = from.nodes();
  const std::vector<onnx::NodeProto*> copies = to.nodes();
  std::unordered_map<const onnx::NodeProto*, onnx::NodeProto*> copy_of;
  for (size_t i = 0; i < originals.size(); ++i) copy_of.emplace(originals[i], copies[i]);
  QuantizationPlan transferred = plan;
  transferred.quantized_nodes.clear();
  for (LinearNode& linear : transferred.linear_nodes) linear.node = copy_of.at(linear.node);
  return transferred;
}

}  // namespace

absl::StatusOr<TrialNetwork> MakeTrialNetwork(Graph& graph, const QuantizationPlan& plan,
                                              const Quantization& quantization) {
  Graph copy(graph.model());
  const QuantizationPlan transferred = Transfer(plan, graph, copy);
  std::unordered_map<std::string, size_t> group_of;
  for (size_t i = 0; i < plan.groups.size(); ++i) {
    for (const std::string& tensor : plan.groups[i].tensors) group_of.emplace(tensor, i);
  }
  RETURN_IF_ERROR(ApplyQuantization(copy, transferred, quantization));
  TrialNetwork trial;
  for (const LinearNode& linear : transferred.linear_nodes) trial.linear_outputs.push_back(linear.node->output(0));
  trial.scales.resize(plan.groups.size());
  trial.zero_points.resize(plan.groups.size());
  for (const onnx::NodeProto* node : copy.nodes()) {
    if (node->op_type() != "QuantizeLinear") continue;
    // A tensor keeps its name: it is what is dequantized, or a graph input.
    auto group = group_of.find(node->input(0));
    for (const onnx::NodeProto* reader : copy.Consumers(node->output(0))) {
      if (group == group_of.end()) group = group_of.find(reader->output(0));
    }
    if (group == group_of.end()) continue;
    trial.scales[group->second].push_back(node->input(1));
    trial.zero_points[group->second].push_back(node->input(2));
  }
  trial.model = std::move(copy).TakeModel();
  return trial;
}

size_t SamplesToHold(Graph& graph, const QuantizationPlan& plan, size_t num_samples, size_t most) {
  int64_t largest = 1;
  for (const LinearNode& linear : plan.linear_nodes) {
    const auto shape = graph.Shape(linear.node->output(0));
    if (shape.has_value()) largest = std::max(largest, NumElements(*shape));
  }
  const auto fitting =
      static_cast<size_t>(kLargestBytes / static_cast<double>(sizeof(float)) / static_cast<double>(largest));
  return std::min(num_samples, std::clamp(fitting, kFewestSamples, most));
}

}  // namespace joinery::compiler
