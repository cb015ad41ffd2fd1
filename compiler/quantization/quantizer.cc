#include "compiler/quantization/quantizer.h"

#include <algorithm>
#include <atomic>
#include <cmath>
#include <numeric>
#include <thread>
#include <unordered_map>
#include <unordered_set>
#include <utility>

#include "absl/synchronization/mutex.h"
#include "base/status.h"
#include "compiler/calibration/range.h"
#include "compiler/ir/tensor_proto.h"
#include "compiler/quantization/correct_bias.h"
#include "compiler/quantization/keep_pixels.h"
#include "compiler/quantization/operators.h"
#include "compiler/quantization/round_weights.h"

namespace joinery::compiler {
namespace {

// A bias of this many units is safely within 32 bits, with room for the products that are added to it.
constexpr float kLargestBiasUnits = 1 << 30;
// Statistics of more channels than this are not kept apart.
constexpr int64_t kMostChannels = 8192;

bool IsFilledByGroup(Graph& graph, const std::string& tensor, const std::unordered_set<std::string>& group) {
  const onnx::NodeProto* producer = graph.Producer(tensor);
  if (producer == nullptr) return false;
  const OperatorRule* rule = FindOperatorRule(*producer);
  if (rule == nullptr || rule->role != OperatorRole::kPassThrough || producer->op_type() == "Concat") return false;
  return group.contains(producer->input(0));
}

absl::StatusOr<Histogram> HistogramOfGroup(Graph& graph, const ActivationGroup& group,
                                           const StatisticsOfTensors& statistics, const ChannelFactors& factors) {
  Histogram histogram;
  for (const std::string& tensor : group.tensors) {
    const auto found = statistics.find(tensor);
    if (found == statistics.end()) continue;
    const auto scaled = factors.find(tensor);
    histogram.Merge(found->second.channels.channels() > 0
                        ? found->second.channels.Merged(scaled == factors.end() ? absl::Span<const float>()
                                                                                : absl::MakeConstSpan(scaled->second))
                        : found->second.histogram);
  }
  for (const std::string& constant : group.constants) {
    ASSIGN_OR_RETURN(const std::vector<float> values, FloatValues(*graph.Initializer(constant)));
    histogram.Add(values);
  }
  return histogram;
}

// What is left of the squared error of a negative value behind the LeakyRelu that alone reads the group.
double WeightBelowZero(Graph& graph, const ActivationGroup& group) {
  if (group.tensors.size() != 1 || !group.constants.empty() || graph.IsGraphOutput(group.tensors.front())) return 1;
  const std::vector<onnx::NodeProto*> readers = graph.Consumers(group.tensors.front());
  if (readers.size() != 1 || readers.front()->op_type() != "LeakyRelu") return 1;
  const double slope = FloatAttribute(*readers.front(), "alpha", 0.01F);
  return std::clamp(slope * slope, 1e-6, 1.0);
}

// Each sample's extremes over all tensors of a group, as they are in the rewritten network: all that is known of a
// sample is its extremes, so they are scaled as those of all samples are.
std::vector<Range> SamplesOfGroup(const ActivationGroup& group, const StatisticsOfTensors& statistics,
                                  const Histogram& rewritten) {
  std::vector<Range> samples;
  Range all;
  for (const std::string& tensor : group.tensors) {
    const auto found = statistics.find(tensor);
    if (found == statistics.end()) continue;
    samples.resize(std::max(samples.size(), found->second.samples.size()));
    for (size_t i = 0; i < found->second.samples.size(); ++i) {
      samples[i].min = std::min(samples[i].min, found->second.samples[i].min);
      samples[i].max = std::max(samples[i].max, found->second.samples[i].max);
      all.min = std::min(all.min, samples[i].min);
      all.max = std::max(all.max, samples[i].max);
    }
  }
  for (Range& sample : samples) {
    if (all.min < 0) sample.min *= std::min(rewritten.min(), 0.0F) / all.min;
    if (all.max > 0) sample.max *= std::max(rewritten.max(), 0.0F) / all.max;
  }
  return samples;
}

}  // namespace

std::vector<ObservedTensor> TensorsToObserve(Graph& graph, const QuantizationPlan& plan,
                                             const std::vector<ChannelClass>& classes, bool all) {
  std::unordered_map<std::string, int> axes;
  for (const LinearNode& linear : plan.linear_nodes) {
    axes.try_emplace(linear.node->input(0), InputChannelAxis(graph, *linear.node));
  }
  const std::unordered_map<std::string, int> read_by_linear = axes;
  for (const ChannelClass& tied : classes) {
    for (const std::string& tensor : tied.tensors) axes[tensor] = 1;
  }
  std::vector<ObservedTensor> observed;
  std::unordered_set<std::string> known;
  const auto observe = [&](const std::string& tensor) {
    if (!known.insert(tensor).second) return;
    const auto axis = axes.find(tensor);
    ObservedTensor& added = observed.emplace_back(ObservedTensor{tensor, axis == axes.end() ? -1 : axis->second});
    if (added.channel_axis < 0) return;
    const auto shape = graph.Shape(tensor);
    const auto dimension = static_cast<size_t>(added.channel_axis);
    if (!shape.has_value() || dimension >= shape->size() || (*shape)[dimension] > kMostChannels) {
      added.channel_axis = -1;
    }
  };
  for (const ActivationGroup& group : plan.groups) {
    const std::unordered_set<std::string> members(group.tensors.begin(), group.tensors.end());
    for (const std::string& tensor : group.tensors) {
      if (all || read_by_linear.contains(tensor) || !IsFilledByGroup(graph, tensor, members)) observe(tensor);
    }
  }
  if (!all) return observed;
  for (const onnx::NodeProto* node : graph.nodes()) {
    if (FindOperatorRule(*node) == nullptr) continue;
    for (const std::string& output : node->output()) {
      if (!output.empty() && graph.ElementType(output) == onnx::TensorProto::FLOAT) observe(output);
    }
  }
  return observed;
}

absl::StatusOr<std::vector<QuantizationParameters>> ChooseParameters(Graph& graph, const QuantizationPlan& plan,
                                                                     const StatisticsOfTensors& statistics,
                                                                     const ChannelFactors& factors,
                                                                     const v1::Calibration& calibration) {
  std::vector<QuantizationParameters> parameters;
  parameters.reserve(plan.groups.size());
  for (const ActivationGroup& group : plan.groups) {
    if (const auto pixels = PixelParameters(graph, group); pixels.has_value()) {
      parameters.push_back(*pixels);
      continue;
    }
    ASSIGN_OR_RETURN(const Histogram histogram, HistogramOfGroup(graph, group, statistics, factors));
    const RangeOptions options{.method = calibration.range_method(),
                               .levels = 1 << group.bits,
                               .percentile = calibration.percentile(),
                               .weight_below = WeightBelowZero(graph, group)};
    const Range range = ChooseRange(histogram, SamplesOfGroup(group, statistics, histogram), options);
    parameters.push_back(ParametersFor(range, group.bits));
  }
  return parameters;
}

std::vector<double> InputMeans(const LinearNode& linear, const StatisticsOfTensors& statistics,
                               const ChannelFactors& factors, int64_t channels) {
  const auto found = statistics.find(linear.node->input(0));
  if (found == statistics.end() || found->second.channels.channels() != channels || channels == 0) return {};
  const ChannelSums& sums = found->second.sums;
  if (sums.count == 0) return {};
  const auto scaled = factors.find(linear.node->input(0));
  std::vector<double> means;
  means.reserve(sums.sum.size());
  for (size_t c = 0; c < sums.sum.size(); ++c) {
    const double factor = scaled == factors.end() ? 1 : scaled->second[c];
    means.push_back(sums.sum[c] / static_cast<double>(sums.count) * factor);
  }
  return means;
}

QuantizedWeights RoundToNearest(const LinearNode& linear, const LinearWeights& weights, float input_scale,
                                v1::WeightGranularity granularity) {
  const int axis = granularity == v1::WEIGHT_GRANULARITY_PER_TENSOR ? -1 : linear.form.channel_axis;
  const ChannelView view = ViewByChannel(weights.shape, axis);
  std::vector<float> smallest_scales(static_cast<size_t>(view.channels));
  for (size_t i = 0; i < weights.bias.size(); ++i) {
    float& smallest = smallest_scales[axis < 0 ? 0 : i];
    smallest = std::max(smallest, std::fabs(weights.bias[i]) / input_scale / kLargestBiasUnits);
  }
  return QuantizeWeights(weights.values, view, smallest_scales);
}

absl::StatusOr<Quantization> QuantizeToNearest(Graph& graph, const QuantizationPlan& plan, const FloatLayers& layers,
                                               const StatisticsOfTensors& statistics,
                                               const v1::BuildConfiguration& configuration) {
  const v1::Calibration& calibration = configuration.calibration();
  Quantization quantization;
  ASSIGN_OR_RETURN(quantization.activations, ChooseParameters(graph, plan, statistics, layers.factors, calibration));
  const bool corrects = configuration.quantization().bias_correction() != v1::BIAS_CORRECTION_OFF;
  for (size_t i = 0; i < plan.linear_nodes.size(); ++i) {
    const LinearNode& linear = plan.linear_nodes[i];
    const LinearWeights& weights = layers.weights[i];
    const float input_scale = quantization.activations[static_cast<size_t>(linear.input_group)].scale;
    LinearQuantization layer{RoundToNearest(linear, weights, input_scale, calibration.weight_granularity()),
                             weights.bias};
    // A matrix product has no place for a bias.
    if (corrects && linear.node->op_type() != "MatMul" && weights.outputs > 0) {
      const std::vector<double> means = InputMeans(linear, statistics, layers.factors, weights.inputs);
      if (!means.empty()) CorrectBias(weights, layer.weights, means, layer.bias);
    }
    quantization.linear.push_back(std::move(layer));
  }
  return quantization;
}

absl::Status RoundLayersToOutput(const QuantizationPlan& plan, const FloatLayers& layers,
                                 std::vector<LayerInputs> inputs, bool corrects_bias, int threads,
                                 const std::function<absl::Status(size_t done)>& on_progress,
                                 Quantization& quantization) {
  // The longest work first, so that no thread is left with it at the end.
  std::vector<size_t> order(inputs.size());
  std::iota(order.begin(), order.end(), size_t{0});
  std::stable_sort(order.begin(), order.end(), [&](size_t a, size_t b) { return inputs[a].depth > inputs[b].depth; });
  std::atomic<size_t> next = 0;
  absl::Mutex mutex;
  absl::Status status;
  size_t done = 0;
  const auto work = [&] {
    for (size_t turn = next++; turn < order.size(); turn = next++) {
      const size_t i = order[turn];
      const bool has_bias = corrects_bias && plan.linear_nodes[i].node->op_type() != "MatMul";
      LinearQuantization& layer = quantization.linear[i];
      if (inputs[i].columns() > 0) {
        layer.bias = layers.weights[i].bias;
        RoundToOutput(layers.weights[i], inputs[i], layer.weights, has_bias ? &layer.bias : nullptr);
        inputs[i] = {};
      }
      const absl::MutexLock lock(&mutex);
      status.Update(on_progress(++done));
      if (!status.ok()) next = order.size();
    }
  };
  std::vector<std::thread> helpers;
  for (int i = 1; i < threads; ++i) helpers.emplace_back(work);
  work();
  for (std::thread& helper : helpers) helper.join();
  return status;
}

void WriteWeights(const QuantizationPlan& plan, const FloatLayers& layers, Graph& graph) {
  std::unordered_map<std::string, const std::vector<float>*> values;
  for (size_t i = 0; i < plan.linear_nodes.size(); ++i) {
    const LinearForm& form = plan.linear_nodes[i].form;
    values[form.weights] = &layers.weights[i].values;
    if (!form.bias.empty()) values[form.bias] = &layers.weights[i].bias;
  }
  for (onnx::TensorProto& tensor : *graph.mutable_model().mutable_graph()->mutable_initializer()) {
    const auto found = values.find(tensor.name());
    if (found == values.end()) continue;
    const std::vector<int64_t> shape(tensor.dims().begin(), tensor.dims().end());
    tensor = FloatProto(tensor.name(), shape, *found->second);
  }
}

}  // namespace joinery::compiler
