#include "compiler/quantization/smooth.h"

#include <algorithm>
#include <cmath>
#include <unordered_map>
#include <unordered_set>
#include <utility>

#include "base/status.h"
#include "compiler/ir/tensor_proto.h"

namespace joinery::compiler {
namespace {

class Finder {
 public:
  Finder(Graph& graph, const QuantizationPlan& plan, const std::vector<LinearWeights>& weights)
      : graph_(graph), plan_(plan), weights_(weights) {
    for (size_t i = 0; i < plan_.linear_nodes.size(); ++i) linear_.emplace(plan_.linear_nodes[i].node, i);
  }

  std::vector<NormalizedTensor> Find() {
    std::vector<NormalizedTensor> found;
    for (const onnx::NodeProto* node : graph_.nodes()) {
      if (node->op_type() != "LayerNormalization") continue;
      const auto shape = graph_.Shape(node->output(0));
      if (!shape.has_value() || shape->empty()) continue;
      const auto last = static_cast<int64_t>(shape->size()) - 1;
      const int64_t axis = IntAttribute(*node, "axis", -1);
      NormalizedTensor normalized;
      normalized.channels = shape->back();
      normalized.scale = node->input(1);
      if (node->input_size() > 2) normalized.bias = node->input(2);
      if ((axis == -1 || axis == last) && IsOwnConstant(normalized.scale) &&
          (normalized.bias.empty() || IsOwnConstant(normalized.bias)) && Follow(node->output(0), normalized) &&
          !normalized.consumers.empty()) {
        found.push_back(std::move(normalized));
      }
    }
    return found;
  }

 private:
  bool IsOwnConstant(const std::string& tensor) {
    return graph_.Initializer(tensor) != nullptr && graph_.Consumers(tensor).size() == 1 &&
           !graph_.IsGraphOutput(tensor);
  }

  // Takes in all that reads `tensor`; false if something does that needs its channels as they are.
  bool Follow(const std::string& tensor, NormalizedTensor& normalized) {
    const auto shape = graph_.Shape(tensor);
    if (graph_.IsGraphOutput(tensor) || !shape.has_value() || shape->empty() || shape->back() != normalized.channels) {
      return false;
    }
    normalized.tensors.push_back(tensor);
    for (const onnx::NodeProto* reader : graph_.Consumers(tensor)) {
      const bool only_moves = reader->op_type() == "Reshape" || reader->op_type() == "Identity";
      if (!(only_moves ? reader->input(0) == tensor && Follow(reader->output(0), normalized)
                       : TakeLinear(*reader, tensor, normalized))) {
        return false;
      }
    }
    return true;
  }

  bool TakeLinear(const onnx::NodeProto& reader, const std::string& tensor, NormalizedTensor& normalized) {
    const auto linear = linear_.find(&reader);
    if (linear == linear_.end() || (reader.op_type() != "Gemm" && reader.op_type() != "MatMul")) return false;
    const LinearForm& form = plan_.linear_nodes[linear->second].form;
    const LinearWeights& weights = weights_[linear->second];
    if (reader.input(0) != tensor || weights.outputs == 0 || weights.inputs != normalized.channels ||
        !IsOwnConstant(form.weights)) {
      return false;
    }
    normalized.consumers.push_back(linear->second);
    return true;
  }

  Graph& graph_;
  const QuantizationPlan& plan_;
  const std::vector<LinearWeights>& weights_;
  std::unordered_map<const onnx::NodeProto*, size_t> linear_;
};

absl::Status MultiplyConstant(Graph& graph, const std::string& name, const std::vector<float>& factors) {
  for (onnx::TensorProto& tensor : *graph.mutable_model().mutable_graph()->mutable_initializer()) {
    if (tensor.name() != name) continue;
    ASSIGN_OR_RETURN(std::vector<float> values, FloatValues(tensor));
    for (size_t i = 0; i < values.size(); ++i) values[i] *= factors[i % factors.size()];
    tensor = FloatProto(name, std::vector<int64_t>(tensor.dims().begin(), tensor.dims().end()), values);
  }
  return absl::OkStatus();
}

// The largest magnitude of each channel; empty if the tensor was not observed by channel.
std::vector<double> Peaks(const NormalizedTensor& normalized, const StatisticsOfTensors& statistics) {
  for (const std::string& tensor : normalized.tensors) {
    const auto found = statistics.find(tensor);
    if (found == statistics.end() || found->second.channels.channels() != normalized.channels) continue;
    std::vector<double> peaks;
    for (int64_t c = 0; c < normalized.channels; ++c) {
      peaks.push_back(std::max<double>(-found->second.channels.min(c), found->second.channels.max(c)));
    }
    return peaks;
  }
  return {};
}

}  // namespace

std::vector<NormalizedTensor> FindNormalizedTensors(Graph& graph, const QuantizationPlan& plan,
                                                    const std::vector<LinearWeights>& weights) {
  return Finder(graph, plan, weights).Find();
}

void ObserveByChannel(Graph& graph, const std::vector<NormalizedTensor>& normalized,
                      std::vector<ObservedTensor>& observed) {
  std::unordered_set<std::string> names;
  for (const NormalizedTensor& tensor : normalized) names.insert(tensor.tensors.begin(), tensor.tensors.end());
  for (ObservedTensor& tensor : observed) {
    if (names.contains(tensor.name)) tensor.channel_axis = static_cast<int>(graph.Shape(tensor.name)->size()) - 1;
  }
}

absl::StatusOr<int> Smooth(const std::vector<NormalizedTensor>& normalized, const StatisticsOfTensors& statistics,
                           double strength, Graph& graph, FloatLayers& layers) {
  int smoothed = 0;
  for (const NormalizedTensor& tensor : normalized) {
    const std::vector<double> peaks = Peaks(tensor, statistics);
    if (peaks.empty()) continue;
    std::vector<double> largest(peaks.size());
    for (const size_t consumer : tensor.consumers) {
      const LinearWeights& weights = layers.weights[consumer];
      ForEachWeight(weights, [&](size_t index, size_t /*output*/, size_t input) {
        largest[input] = std::max<double>(largest[input], std::fabs(weights.values[index]));
      });
    }
    std::vector<float> factors(peaks.size(), 1);
    for (size_t c = 0; c < peaks.size(); ++c) {
      if (!(peaks[c] > 0 && largest[c] > 0)) continue;
      const auto factor = static_cast<float>(std::pow(largest[c], 1 - strength) / std::pow(peaks[c], strength));
      if (std::isnormal(factor)) factors[c] = factor;
    }
    RETURN_IF_ERROR(MultiplyConstant(graph, tensor.scale, factors));
    if (!tensor.bias.empty()) RETURN_IF_ERROR(MultiplyConstant(graph, tensor.bias, factors));
    for (const size_t consumer : tensor.consumers) {
      LinearWeights& weights = layers.weights[consumer];
      ForEachWeight(weights,
                    [&](size_t index, size_t /*output*/, size_t input) { weights.values[index] /= factors[input]; });
    }
    for (const std::string& name : tensor.tensors) layers.factors[name] = factors;
    ++smoothed;
  }
  return smoothed;
}

}  // namespace joinery::compiler
