#include "compiler/quantization/refine_scales.h"

#include <algorithm>
#include <array>
#include <numeric>
#include <string>
#include <unordered_map>
#include <utility>
#include <vector>

#include "absl/types/span.h"
#include "base/status.h"
#include "compiler/evaluation/for_each_sample.h"
#include "compiler/ir/tensor_proto.h"
#include "compiler/quantization/held_run.h"
#include "compiler/quantization/keep_pixels.h"
#include "compiler/quantization/trial_network.h"

namespace joinery::compiler {
namespace {

constexpr std::array<float, 2> kMultiples = {0.87F, 1.15F};
constexpr size_t kMostSamples = 32;
constexpr size_t kFewestSamples = 4;
// A multiple that is worse on so many samples is not tried on more.
constexpr size_t kScreened = 6;
// What the error must become of what it was, or it is taken for chance.
constexpr double kClearlyLess = 0.995;
// Groups tried on one and the same part of the network: loading a part takes about as long as running it on a few
// samples, and the earlier it begins the longer it runs.
constexpr size_t kGroupsOfPart = 8;

// The float network's outputs, and how far others are from them.
class Reference {
 public:
  static absl::StatusOr<Reference> Run(const Graph& graph, size_t num_samples, const LoadSampleFunction& load,
                                       int threads) {
    Reference reference;
    std::vector<std::string> names;
    for (const onnx::ValueInfoProto& output : graph.proto().output()) {
      const bool is_float = output.type().tensor_type().elem_type() == onnx::TensorProto::FLOAT;
      reference.number_.push_back(is_float ? static_cast<int>(names.size()) : -1);
      if (is_float) names.push_back(output.name());
    }
    reference.values_.assign(num_samples, std::vector<std::vector<float>>(names.size()));
    RETURN_IF_ERROR(VisitTensors(graph.model(), names, num_samples, load, {.threads = threads, .on_progress = nullptr},
                                 [&](size_t sample, size_t tensor, const TensorView& value) {
                                   const absl::Span<const float> values = value.values<float>();
                                   reference.values_[sample][tensor].assign(values.begin(), values.end());
                                 }));
    reference.signal_.resize(names.size());
    for (const auto& sample : reference.values_) {
      for (size_t i = 0; i < sample.size(); ++i) {
        for (const float value : sample[i]) reference.signal_[i] += static_cast<double>(value) * value;
      }
    }
    return reference;
  }

  // The squared error of one output of a sample, in relation to that output on all samples.
  double ErrorOf(size_t sample, size_t output, absl::Span<const float> values) const {
    if (number_[output] < 0) return 0;
    const auto number = static_cast<size_t>(number_[output]);
    const std::vector<float>& expected = values_[sample][number];
    double noise = 0;
    for (size_t i = 0; i < expected.size(); ++i) {
      const double difference = static_cast<double>(values[i]) - expected[i];
      noise += difference * difference;
    }
    return signal_[number] > 0 ? noise / signal_[number] : 0;
  }

 private:
  // Of each output: its number among the float ones, or -1.
  std::vector<int> number_;
  // By sample and output.
  std::vector<std::vector<std::vector<float>>> values_;
  std::vector<double> signal_;
};

struct Turn {
  size_t group;
  // Of the first node that quantizes by its scale.
  size_t place;
};

// The groups that may be changed, in the order in which the network makes them.
std::vector<Turn> Turns(Graph& graph, const QuantizationPlan& plan, const TrialNetwork& trial) {
  std::unordered_map<std::string, size_t> place_of_scale;
  size_t place = 0;
  for (const onnx::NodeProto& node : trial.model.graph().node()) {
    if (node.op_type() == "QuantizeLinear") place_of_scale.emplace(node.input(1), place);
    ++place;
  }
  std::vector<Turn> turns;
  for (size_t group = 0; group < plan.groups.size(); ++group) {
    if (plan.groups[group].bits != 8 || PixelParameters(graph, plan.groups[group]).has_value()) continue;
    Turn turn{group, place};
    for (const std::string& scale : trial.scales[group]) turn.place = std::min(turn.place, place_of_scale.at(scale));
    if (turn.place < place) turns.push_back(turn);
  }
  std::stable_sort(turns.begin(), turns.end(), [](const Turn& a, const Turn& b) { return a.place < b.place; });
  return turns;
}

Tensor Scalar(float value) { return MakeTensor<float>(onnx::TensorProto::FLOAT, {}, {value}); }

class Refiner {
 public:
  Refiner(const TrialNetwork& trial, HeldRun run, Reference reference, int threads, Quantization& quantization)
      : trial_(trial),
        run_(std::move(run)),
        reference_(std::move(reference)),
        threads_(threads),
        quantization_(quantization),
        errors_(run_.num_samples()) {
    for (size_t sample = 0; sample < errors_.size(); ++sample) {
      (sample % 2 == 0 ? choosing_ : proving_).push_back(sample);
    }
  }

  absl::StatusOr<int> Refine(absl::Span<const Turn> turns,
                             const std::function<absl::Status(size_t done)>& on_progress) {
    int changed = 0;
    for (size_t begin = 0; begin < turns.size(); begin += kGroupsOfPart) {
      const absl::Span<const Turn> part = turns.subspan(begin, kGroupsOfPart);
      RETURN_IF_ERROR(Load(part));
      if (begin == 0) {
        ASSIGN_OR_RETURN(errors_, Errors(AllSamples()));
      }
      for (size_t i = 0; i < part.size(); ++i) {
        ASSIGN_OR_RETURN(const bool is_changed, RefineGroup(part[i].group));
        changed += is_changed ? 1 : 0;
        if (on_progress != nullptr) RETURN_IF_ERROR(on_progress(begin + i + 1));
      }
    }
    return changed;
  }

 private:
  std::vector<size_t> AllSamples() const {
    std::vector<size_t> all(errors_.size());
    std::iota(all.begin(), all.end(), size_t{0});
    return all;
  }

  // What is left of the network from the part's first group on, with the scales of its groups as inputs.
  absl::Status Load(absl::Span<const Turn> part) {
    RETURN_IF_ERROR(run_.RunTo(part.front().place));
    std::vector<std::string> scales;
    inputs_of_group_.clear();
    for (const Turn& turn : part) {
      for (const std::string& scale : trial_.scales[turn.group]) {
        if (run_.IsReadByRest(scale)) scales.push_back(scale);
      }
    }
    ASSIGN_OR_RETURN(rest_, run_.LoadRest(scales));
    scales_.clear();
    for (const Turn& turn : part) {
      for (const std::string& scale : trial_.scales[turn.group]) {
        if (!run_.IsReadByRest(scale)) continue;
        inputs_of_group_[turn.group].push_back(scales_.size());
        scales_.push_back(quantization_.activations[turn.group].scale);
      }
    }
    return absl::OkStatus();
  }

  // The error of the outputs with the scales as they are in scales_; 0 for other samples.
  absl::StatusOr<std::vector<double>> Errors(absl::Span<const size_t> samples) {
    std::vector<double> errors(errors_.size());
    RETURN_IF_ERROR(ForEachSample(samples.size(), threads_, [&](size_t i) {
      const size_t sample = samples[i];
      std::vector<Tensor> feed;
      feed.reserve(rest_.held.size() + scales_.size());
      for (const std::string& tensor : rest_.held) feed.push_back(*run_.Held(sample, tensor));
      for (const float scale : scales_) feed.push_back(Scalar(scale));
      return rest_.executor->Run(feed, [&](size_t output, const TensorView& value) {
        errors[sample] += reference_.ErrorOf(sample, output, value.values<float>());
      });
    }));
    return errors;
  }

  static double Sum(absl::Span<const double> errors, absl::Span<const size_t> samples) {
    double sum = 0;
    for (const size_t sample : samples) sum += errors[sample];
    return sum;
  }

  void SetScale(size_t group, float scale) {
    for (const size_t input : inputs_of_group_[group]) scales_[input] = scale;
  }

  absl::StatusOr<bool> RefineGroup(size_t group) {
    const absl::Span<const size_t> choosing = choosing_;
    const absl::Span<const size_t> screened = choosing.subspan(0, kScreened);
    const absl::Span<const size_t> others = choosing.subspan(screened.size());
    const float before = quantization_.activations[group].scale;
    float best = before;
    std::vector<double> least = errors_;
    for (const float multiple : kMultiples) {
      SetScale(group, before * multiple);
      ASSIGN_OR_RETURN(std::vector<double> errors, Errors(screened));
      if (Sum(errors, screened) >= Sum(least, screened)) continue;
      ASSIGN_OR_RETURN(const std::vector<double> rest, Errors(others));
      for (const size_t sample : others) errors[sample] = rest[sample];
      if (Sum(errors, choosing) >= Sum(least, choosing)) continue;
      least = std::move(errors);
      best = before * multiple;
    }
    SetScale(group, best);
    if (best == before) return false;
    ASSIGN_OR_RETURN(const std::vector<double> proof, Errors(proving_));
    if (Sum(proof, proving_) >= kClearlyLess * Sum(errors_, proving_)) {
      SetScale(group, before);
      return false;
    }
    for (const size_t sample : proving_) least[sample] = proof[sample];
    errors_ = std::move(least);
    quantization_.activations[group].scale = best;
    for (const std::string& scale : trial_.scales[group]) run_.SetInitializer(FloatProto(scale, {}, {best}));
    return true;
  }

  const TrialNetwork& trial_;
  HeldRun run_;
  Reference reference_;
  int threads_;
  Quantization& quantization_;
  // Of the outputs on each sample, with the scales that are chosen so far.
  std::vector<double> errors_;
  std::vector<size_t> choosing_;
  std::vector<size_t> proving_;
  HeldRun::Rest rest_;
  // The last inputs of rest_, and which of them are a group's.
  std::vector<float> scales_;
  std::unordered_map<size_t, std::vector<size_t>> inputs_of_group_;
};

}  // namespace

absl::StatusOr<int> RefineScales(Graph& graph, const QuantizationPlan& plan, size_t num_samples,
                                 const LoadSampleFunction& load, const ObserveOptions& options,
                                 Quantization& quantization) {
  const size_t samples = SamplesToHold(graph, plan, num_samples, kMostSamples);
  if (samples < kFewestSamples) return 0;
  const LoadSampleFunction load_spread = [&](size_t sample) { return load(sample * num_samples / samples); };
  ASSIGN_OR_RETURN(const TrialNetwork trial, MakeTrialNetwork(graph, plan, quantization));
  ASSIGN_OR_RETURN(Reference reference, Reference::Run(graph, samples, load_spread, options.threads));
  ASSIGN_OR_RETURN(HeldRun run, HeldRun::Start(trial.model, samples, load_spread, options.threads));
  return Refiner(trial, std::move(run), std::move(reference), options.threads, quantization)
      .Refine(Turns(graph, plan, trial), options.on_progress);
}

}  // namespace joinery::compiler
