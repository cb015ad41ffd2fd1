#include "compiler/quantization/correct_bias_sequentially.h"

#include <algorithm>
#include <numeric>
#include <string>
#include <utility>
#include <vector>

#include "base/status.h"
#include "compiler/quantization/held_run.h"
#include "compiler/quantization/trial_network.h"

namespace joinery::compiler {
namespace {

constexpr size_t kMostSamples = 32;

// Sums of each channel, which is dimension 1.
struct Sums {
  std::vector<double> of_channel;
  int64_t count = 0;

  void Add(const Sums& other) {
    of_channel.resize(std::max(of_channel.size(), other.of_channel.size()));
    for (size_t c = 0; c < other.of_channel.size(); ++c) of_channel[c] += other.of_channel[c];
    count += other.count;
  }
};

int64_t Inner(absl::Span<const int64_t> shape) {
  return std::accumulate(shape.begin() + 2, shape.end(), int64_t{1}, std::multiplies<>());
}

Sums SumByChannel(absl::Span<const int64_t> shape, absl::Span<const float> values) {
  Sums sums;
  sums.of_channel.resize(static_cast<size_t>(shape[1]));
  const auto inner = static_cast<size_t>(Inner(shape));
  sums.count = shape[0] * Inner(shape);
  for (size_t begin = 0, channel = 0; begin < values.size(); begin += inner, ++channel) {
    double& sum = sums.of_channel[channel % sums.of_channel.size()];
    for (const float value : values.subspan(begin, inner)) sum += value;
  }
  return sums;
}

void AddByChannel(const std::vector<float>& terms, Tensor& tensor) {
  const auto inner = static_cast<size_t>(Inner(tensor.shape));
  const absl::Span<float> values = tensor.mutable_values<float>();
  for (size_t begin = 0, channel = 0; begin < values.size(); begin += inner, ++channel) {
    for (float& value : values.subspan(begin, inner)) value += terms[channel % terms.size()];
  }
}

// The layers that can be corrected, in the order in which the network runs them.
std::vector<size_t> LayersToCorrect(const QuantizationPlan& plan, const std::vector<LinearWeights>& weights,
                                    const TrialNetwork& trial, const HeldRun& run) {
  std::vector<size_t> layers;
  for (size_t i = 0; i < plan.linear_nodes.size(); ++i) {
    // Of a layer that nobody reads nothing is left.
    const bool runs = run.PlaceOf(trial.linear_outputs[i]) < run.num_nodes();
    if (plan.linear_nodes[i].node->op_type() != "MatMul" && weights[i].outputs > 0 && runs) layers.push_back(i);
  }
  std::stable_sort(layers.begin(), layers.end(), [&](size_t a, size_t b) {
    return run.PlaceOf(trial.linear_outputs[a]) < run.PlaceOf(trial.linear_outputs[b]);
  });
  return layers;
}

// The sums of the layers' outputs in the float network, added up in the order of the samples.
absl::StatusOr<std::vector<Sums>> FloatSums(const onnx::ModelProto& model, const std::vector<std::string>& tensors,
                                            size_t num_samples, const LoadSampleFunction& load, int threads) {
  std::vector<std::vector<Sums>> of_sample(num_samples, std::vector<Sums>(tensors.size()));
  RETURN_IF_ERROR(VisitTensors(model, tensors, num_samples, load, {.threads = threads, .on_progress = nullptr},
                               [&](size_t sample, size_t tensor, const TensorView& value) {
                                 of_sample[sample][tensor] = SumByChannel(value.shape, value.values<float>());
                               }));
  std::vector<Sums> sums(tensors.size());
  for (const std::vector<Sums>& sample : of_sample) {
    for (size_t i = 0; i < sums.size(); ++i) sums[i].Add(sample[i]);
  }
  return sums;
}

std::vector<float> Correction(const Sums& expected, const Sums& actual) {
  std::vector<float> terms;
  terms.reserve(actual.of_channel.size());
  for (size_t c = 0; c < actual.of_channel.size(); ++c) {
    terms.push_back(static_cast<float>(expected.of_channel[c] / static_cast<double>(expected.count) -
                                       actual.of_channel[c] / static_cast<double>(actual.count)));
  }
  return terms;
}

}  // namespace

absl::Status CorrectBiasSequentially(Graph& graph, const QuantizationPlan& plan,
                                     const std::vector<LinearWeights>& weights, size_t num_samples,
                                     const LoadSampleFunction& load, const ObserveOptions& options,
                                     Quantization& quantization) {
  const size_t samples = SamplesToHold(graph, plan, num_samples, kMostSamples);
  if (samples == 0) return absl::OkStatus();
  const LoadSampleFunction load_spread = [&](size_t sample) { return load(sample * num_samples / samples); };
  ASSIGN_OR_RETURN(const TrialNetwork trial, MakeTrialNetwork(graph, plan, quantization));
  ASSIGN_OR_RETURN(HeldRun run, HeldRun::Start(trial.model, samples, load_spread, options.threads));
  const std::vector<size_t> layers = LayersToCorrect(plan, weights, trial, run);
  std::vector<std::string> tensors;
  tensors.reserve(layers.size());
  for (const size_t layer : layers) tensors.push_back(plan.linear_nodes[layer].node->output(0));
  ASSIGN_OR_RETURN(const std::vector<Sums> expected,
                   FloatSums(graph.model(), tensors, samples, load_spread, options.threads));
  for (size_t i = 0; i < layers.size(); ++i) {
    const std::string& output = trial.linear_outputs[layers[i]];
    RETURN_IF_ERROR(run.RunTo(run.PlaceOf(output) + 1));
    Sums actual;
    for (size_t sample = 0; sample < samples; ++sample) {
      const Tensor* tensor = run.Held(sample, output);
      actual.Add(SumByChannel(tensor->shape, tensor->values<float>()));
    }
    const std::vector<float> terms = Correction(expected[i], actual);
    std::vector<float>& bias = quantization.linear[layers[i]].bias;
    bias.resize(terms.size());
    for (size_t c = 0; c < terms.size(); ++c) bias[c] += terms[c];
    for (size_t sample = 0; sample < samples; ++sample) AddByChannel(terms, *run.Held(sample, output));
    if (options.on_progress != nullptr) RETURN_IF_ERROR(options.on_progress(i + 1));
  }
  return absl::OkStatus();
}

}  // namespace joinery::compiler
