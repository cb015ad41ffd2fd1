#include "compiler/network_quantizer.h"

#include <algorithm>
#include <limits>
#include <unordered_map>
#include <utility>

#include "absl/strings/str_cat.h"
#include "absl/strings/str_format.h"
#include "base/status.h"
#include "compiler/calibration/range.h"
#include "compiler/failure.h"
#include "compiler/quantization/apply.h"
#include "compiler/quantization/correct_bias_sequentially.h"
#include "compiler/quantization/keep_pixels.h"
#include "compiler/quantization/layer_bits.h"
#include "compiler/quantization/layer_inputs.h"
#include "compiler/quantization/quantizer.h"
#include "compiler/quantization/refine_scales.h"
#include "compiler/quantization/take_imported.h"

namespace joinery::compiler {
namespace {

// How much of the way from the asked cosine to 1 a fallback aims at, because other samples may be further off; the
// fewer samples, the more: with 8 one that is unlike them was seen to lose twice as much as they do.
constexpr double kFallbackMargin = 0.3;
constexpr double kFallbackMarginOfFewSamples = 50;
// What is float is chosen by them, so they must be enough to stand for others.
constexpr int kFallbackSamples = 64;
constexpr double kLargestFallbackMargin = 0.7;
// To tell whether something helps, some samples are tried that it did not look at.
constexpr size_t kFewestToProve = 4;

ExecutorOptions ExecutionOf(const BuildArguments& arguments) {
  return {.threads = arguments.threads, .device = arguments.device};
}
constexpr size_t kProvingSamples = 24;
constexpr int64_t kCountedSamplesOfFast = 12;
// Where only layers are rounded together whose outputs read at most so many numbers, so many samples tell enough.
constexpr int64_t kShallowDepth = 32;
constexpr size_t kShallowSamples = 32;

// A value that is not finite has no 8-bit form, and would be a wrong number in silence.
absl::Status CheckFinite(const std::string& tensor, const TensorStatistics& statistics) {
  if (statistics.not_finite() == 0) return absl::OkStatus();
  return WithReason(absl::InvalidArgumentError(absl::StrCat(
                        "the float model computes NaN or infinity in tensor \"", tensor,
                        "\" on the calibration set: check that its preprocessing is configured as in training")),
                    v1::FAILURE_REASON_INVALID_MODEL, tensor);
}

}  // namespace

size_t AtMost(const FeedSource& source, int limit) {
  return limit > 0 ? std::min(static_cast<size_t>(limit), source.size()) : source.size();
}

LoadSampleFunction LoadSpread(const FeedSource& source, size_t count) {
  return [&source, count](size_t sample) { return source.Load(sample * source.size() / count); };
}

ObserveOptions NetworkQuantizer::ObserveWithProgress(double steps) const {
  ObserveOptions options;
  options.threads = arguments_.threads;
  options.device = arguments_.device;
  options.on_progress = [this, steps](size_t done) {
    progress_.ReportFraction(static_cast<double>(done) / steps);
    return absl::OkStatus();
  };
  return options;
}

absl::Status NetworkQuantizer::Plan() {
  std::vector<std::string> notes;
  ASSIGN_OR_RETURN(fitted_, partitioner_.Fit(*graph_, preprocessing_));
  if (!fitted_.empty()) {
    progress_.Info(absl::StrCat("rewrote ", fitted_.size(), " nodes, the first ", fitted_.front().op_type,
                                " that makes ", fitted_.front().tensor, ", into what the chip lists"));
  }
  absl::StatusOr<BitsOfNode> bits_of = ResolveLayerFormats(configuration().quantization(), *graph_, notes);
  if (!bits_of.ok()) return WithReason(bits_of.status(), v1::FAILURE_REASON_INVALID_CONFIG);
  absl::StatusOr<NetworkPartition> partition = partitioner_.Divide(*graph_, preprocessing_, *bits_of);
  if (!partition.ok()) return WithReason(partition.status(), v1::FAILURE_REASON_INVALID_CONFIG);
  partition_ = *std::move(partition);
  LabelParts(partition_, *graph_);
  plan_ = PlanQuantization(*graph_, preprocessing_, *bits_of, partition_.on_cpu);
  FitPlan(imported_, *graph_, plan_, notes);
  for (const std::string& note : notes) progress_.Warn(note);
  ASSIGN_OR_RETURN(layers_.weights, LoadLinearWeights(*graph_, plan_));
  // Imported scales are for the weights as they are.
  if (configuration().quantization().cross_layer_equalization() && imported_.empty()) {
    classes_ = FindChannelClasses(*graph_, plan_, layers_.weights);
  }
  observed_ = TensorsToObserve(*graph_, plan_, classes_, MaySearch());
  if (configuration().quantization().smooth_quant_strength() > 0 && imported_.empty()) {
    normalized_ = FindNormalizedTensors(*graph_, plan_, layers_.weights);
    ObserveByChannel(*graph_, normalized_, observed_);
  }
  return absl::OkStatus();
}

absl::Status NetworkQuantizer::Calibrate(absl::Span<NetworkQuantizer* const> networks) {
  std::vector<ObservedTensor> tensors;
  std::unordered_map<std::string, int> axis_of;
  std::vector<NetworkQuantizer*> others;
  for (NetworkQuantizer* network : networks) {
    const bool fits =
        std::all_of(network->observed_.begin(), network->observed_.end(), [&](const ObservedTensor& tensor) {
          const auto known = axis_of.find(tensor.name);
          return known == axis_of.end() || known->second == tensor.channel_axis;
        });
    if (!fits) {
      others.push_back(network);
      continue;
    }
    for (const ObservedTensor& tensor : network->observed_) {
      if (axis_of.emplace(tensor.name, tensor.channel_axis).second) tensors.push_back(tensor);
    }
  }
  StatisticsOfTensors all;
  RETURN_IF_ERROR(networks.front()->Observe(tensors, all));
  if (networks.size() == 1) {
    networks.front()->statistics_ = std::move(all);
    return absl::OkStatus();
  }
  for (NetworkQuantizer* network : networks) {
    if (std::find(others.begin(), others.end(), network) != others.end()) {
      RETURN_IF_ERROR(network->Observe(network->observed_, network->statistics_));
    } else {
      // Not those of others: more is known of a tensor then than the plan counts on.
      for (const ObservedTensor& tensor : network->observed_) {
        network->statistics_.emplace(tensor.name, all.at(tensor.name));
      }
    }
  }
  return absl::OkStatus();
}

absl::Status NetworkQuantizer::Observe(const std::vector<ObservedTensor>& tensors,
                                       StatisticsOfTensors& statistics) const {
  const v1::Quantization& asked = configuration().quantization();
  const size_t samples = AtMost(source_, asked.observed_samples());
  ObserveOptions options = ObserveWithProgress(static_cast<double>(samples));
  if (asked.preset() == v1::PRESET_FAST) options.counted_samples = kCountedSamplesOfFast;
  ASSIGN_OR_RETURN(std::vector<TensorStatistics> observed,
                   compiler::Observe(graph_->model(), tensors, samples, LoadSpread(source_, samples), options));
  progress_.Info(absl::StrFormat("%d of %d samples observed in %d tensors", samples, source_.size(), tensors.size()));
  for (const std::string& note : source_.Notes()) progress_.Info(note);
  for (size_t i = 0; i < tensors.size(); ++i) {
    RETURN_IF_ERROR(CheckFinite(tensors[i].name, observed[i]));
    statistics.emplace(tensors[i].name, std::move(observed[i]));
  }
  return absl::OkStatus();
}

absl::Status NetworkQuantizer::Quantize() {
  float_model_ = graph_->model();
  RETURN_IF_ERROR(StartGains());
  layers_.factors = Equalize(classes_, statistics_, layers_.weights);
  if (!classes_.empty())
    progress_.Info(absl::StrFormat("equalized the channels of %d tensors", layers_.factors.size()));
  const double strength = configuration().quantization().smooth_quant_strength();
  if (strength > 0) {
    ASSIGN_OR_RETURN(const int smoothed, Smooth(normalized_, statistics_, strength, *graph_, layers_));
    progress_.Info(absl::StrFormat("smoothed the outputs of %d layer normalizations", smoothed));
  }
  ASSIGN_OR_RETURN(Quantization quantization, QuantizeToNearest(*graph_, plan_, layers_, statistics_, configuration()));
  if (!layers_.factors.empty()) WriteWeights(plan_, layers_, *graph_);
  rewritten_model_ = graph_->model();
  RETURN_IF_ERROR(MeasureRewriting());
  const v1::BiasCorrection correction = configuration().quantization().bias_correction();
  if (correction != v1::BIAS_CORRECTION_OFF) RETURN_IF_ERROR(MeasureGain("bias correction", quantization));
  // Imported weights are rounded already.
  if (imported_.empty() && configuration().quantization().weight_rounding() != v1::WEIGHT_ROUNDING_NEAREST) {
    RETURN_IF_ERROR(RoundByOutput(quantization));
    RETURN_IF_ERROR(MeasureGain("rounding by the layer's output", quantization));
  }
  if (!imported_.empty()) {
    std::vector<std::string> notes;
    RETURN_IF_ERROR(TakeImported(imported_, plan_, *graph_, quantization, notes));
    for (const std::string& note : notes) progress_.Warn(note);
  } else {
    RETURN_IF_ERROR(CorrectBiases(quantization));
    if (correction == v1::BIAS_CORRECTION_SEQUENTIAL) {
      RETURN_IF_ERROR(MeasureGain("bias correction layer by layer", quantization));
    }
    RETURN_IF_ERROR(RefineRanges(quantization));
  }
  if (MaySearch()) return QuantizeMixed(std::move(quantization));
  NoteFloatNodes();
  NoteRanges(quantization);
  RETURN_IF_ERROR(ApplyQuantization(*graph_, plan_, quantization));
  RETURN_IF_ERROR(RemoveIdentityPreprocessing(*graph_).status());
  return LabelConversions(partition_, *graph_);
}

absl::Status NetworkQuantizer::StartGains() {
  const bool has_time =
      configuration().quantization().preset() == v1::PRESET_ACCURATE || arguments_.measure_contributions;
  if (!has_time || !imported_.empty()) return absl::OkStatus();
  const size_t samples = AtMost(source_, configuration().quantization().evaluated_samples());
  std::vector<std::vector<Tensor>> feeds;
  for (size_t sample = 0; sample < samples; ++sample) {
    ASSIGN_OR_RETURN(feeds.emplace_back(), LoadSpread(source_, samples)(sample));
  }
  ASSIGN_OR_RETURN(gains_, AlgorithmGains::Create(float_model_, std::move(feeds), ExecutionOf(arguments_)));
  v1::BuildConfiguration plain = WithoutBiasCorrection();
  plain.mutable_calibration()->set_range_method(v1::RANGE_METHOD_MIN_MAX);
  RETURN_IF_ERROR(MeasurePlain("", plain));
  if (configuration().calibration().range_method() == v1::RANGE_METHOD_MIN_MAX) return absl::OkStatus();
  return MeasurePlain("choice of ranges", WithoutBiasCorrection());
}

v1::BuildConfiguration NetworkQuantizer::WithoutBiasCorrection() {
  v1::BuildConfiguration changed = configuration();
  changed.mutable_quantization()->set_bias_correction(v1::BIAS_CORRECTION_OFF);
  return changed;
}

absl::Status NetworkQuantizer::MeasurePlain(const std::string& algorithm, const v1::BuildConfiguration& configuration) {
  const FloatLayers layers{layers_.weights, {}};
  ASSIGN_OR_RETURN(Quantization quantization, QuantizeToNearest(*graph_, plan_, layers, statistics_, configuration));
  return gains_->Add(algorithm, Describe(float_model_, layers.factors, std::move(quantization.linear), configuration));
}

absl::Status NetworkQuantizer::MeasureRewriting() {
  if (!gains_.has_value() || layers_.factors.empty()) return absl::OkStatus();
  const v1::BuildConfiguration plain = WithoutBiasCorrection();
  ASSIGN_OR_RETURN(Quantization quantization, QuantizeToNearest(*graph_, plan_, layers_, statistics_, plain));
  const bool is_smoothed = plain.quantization().smooth_quant_strength() > 0;
  return gains_->Add(is_smoothed ? "equalization and smoothing" : "cross-layer equalization",
                     Describe(rewritten_model_, layers_.factors, std::move(quantization.linear), plain));
}

absl::Status NetworkQuantizer::MeasureGain(const std::string& algorithm, const Quantization& quantization) {
  if (!gains_.has_value()) return absl::OkStatus();
  Quantizable network = Describe(rewritten_model_, layers_.factors, quantization.linear, configuration());
  KeepScales(quantization, network);
  return gains_->Add(algorithm, network);
}

void NetworkQuantizer::KeepScales(const Quantization& quantization, Quantizable& network) const {
  for (size_t i = 0; i < plan_.groups.size(); ++i) {
    const ActivationGroup& group = plan_.groups[i];
    if (group.bits == 8) network.refined.emplace(group.tensors.front(), quantization.activations[i]);
  }
}

Quantizable NetworkQuantizer::Describe(const onnx::ModelProto& model, const ChannelFactors& factors,
                                       std::vector<LinearQuantization> linear,
                                       const v1::BuildConfiguration& configuration) const {
  Quantizable network{model, {}, statistics_, factors, {}, configuration, {}, partition_.on_cpu};
  for (const onnx::NodeProto* node : preprocessing_) network.left_out.push_back(node->output(0));
  for (size_t i = 0; i < plan_.linear_nodes.size(); ++i) {
    network.linear.emplace(plan_.linear_nodes[i].node->output(0), std::move(linear[i]));
  }
  return network;
}

absl::Status NetworkQuantizer::CorrectBiases(Quantization& quantization) {
  if (configuration().quantization().bias_correction() != v1::BIAS_CORRECTION_SEQUENTIAL) {
    return absl::OkStatus();
  }
  const ObserveOptions options = ObserveWithProgress(static_cast<double>(plan_.linear_nodes.size()));
  if (source_.size() < kFewestToProve) {
    progress_.Info("too few samples to tell whether correcting biases layer by layer helps: left as they are");
    return absl::OkStatus();
  }
  // Every second sample, so that the others can tell whether it helps: it does not always.
  Quantization corrected = quantization;
  BuildProgress::ReturnFreedMemory();
  RETURN_IF_ERROR(CorrectBiasSequentially(
      *graph_, plan_, layers_.weights, (source_.size() + 1) / 2,
      [this](size_t sample) { return source_.Load(2 * sample); }, options, corrected));
  BuildProgress::ReturnFreedMemory();
  ASSIGN_OR_RETURN(const bool helps, IsNearer(corrected, quantization));
  progress_.Info(
      absl::StrCat("biases corrected layer by layer: ", helps ? "kept" : "no better on other samples, left"));
  if (helps) quantization = std::move(corrected);
  return absl::OkStatus();
}

absl::StatusOr<bool> NetworkQuantizer::IsNearer(const Quantization& changed, const Quantization& before) const {
  const size_t others = source_.size() / 2;
  const size_t count = std::min(others, kProvingSamples);
  std::vector<std::vector<Tensor>> feeds;
  for (size_t i = 0; i < count; ++i) {
    ASSIGN_OR_RETURN(feeds.emplace_back(), source_.Load(2 * (i * others / count) + 1));
  }
  ASSIGN_OR_RETURN(AlgorithmGains gains,
                   AlgorithmGains::Create(float_model_, std::move(feeds), ExecutionOf(arguments_)));
  for (const Quantization* quantization : {&before, &changed}) {
    Quantizable network = Describe(rewritten_model_, layers_.factors, quantization->linear, configuration());
    KeepScales(*quantization, network);
    RETURN_IF_ERROR(gains.Add("change", network));
  }
  return gains.gains().front().after() > gains.gains().front().before();
}

absl::Status NetworkQuantizer::RefineRanges(Quantization& quantization) {
  if (!configuration().quantization().scale_refinement()) return absl::OkStatus();
  const ObserveOptions options = ObserveWithProgress(static_cast<double>(plan_.groups.size()));
  ASSIGN_OR_RETURN(const int changed,
                   RefineScales(
                       *graph_, plan_, source_.size(), [this](size_t sample) { return source_.Load(sample); }, options,
                       quantization));
  progress_.Info(absl::StrFormat("refined the scales of %d of %d groups of activations", changed, plan_.groups.size()));
  return MeasureGain("scale refinement", quantization);
}

bool NetworkQuantizer::MaySearch() const {
  const v1::Quantization& asked = configuration().quantization();
  // Imported scales are for the formats they were trained with.
  return imported_.empty() &&
         (asked.target_cosine() > 0 || asked.target_sqnr_db() > 0 || asked.float_fallback_cosine() > 0);
}

absl::Status NetworkQuantizer::QuantizeMixed(Quantization base) {
  Quantizable network = Describe(rewritten_model_, layers_.factors, std::move(base.linear), configuration());
  if (configuration().quantization().scale_refinement()) KeepScales(base, network);
  const v1::Quantization& asked = configuration().quantization();
  ChosenBits chosen;
  if (asked.target_cosine() > 0 || asked.target_sqnr_db() > 0) {
    const PrecisionGoal goal{asked.target_cosine(), asked.target_sqnr_db(), v1::LAYER_BITS_16};
    RETURN_IF_ERROR(SearchFormats(network, goal, chosen));
  }
  if (asked.float_fallback_cosine() > 0) {
    const auto samples = static_cast<double>(AtMost(source_, kFallbackSamples));
    const double margin =
        std::min(kLargestFallbackMargin, kFallbackMargin + kFallbackMarginOfFewSamples / (samples * samples));
    const double cosine = asked.float_fallback_cosine() + margin * (1 - asked.float_fallback_cosine());
    RETURN_IF_ERROR(SearchFormats(network, {cosine, 0, v1::LAYER_BITS_FLOAT}, chosen));
  }
  if (!chosen.empty()) RETURN_IF_ERROR(DivideAgain(chosen, network));
  ASSIGN_OR_RETURN(Quantized quantized, QuantizeAs(network, chosen));
  RETURN_IF_ERROR(LabelConversions(partition_, *quantized.graph));
  graph_ = std::move(quantized.graph);
  plan_ = std::move(quantized.plan);
  for (v1::FloatNode& node : plan_.float_nodes) {
    if (IsChosen(chosen, node)) node.set_reason("with 8 bits here an output would be too far from the float model's");
  }
  NoteFloatNodes();
  NoteRanges(quantized.quantization);
  return absl::OkStatus();
}

absl::Status NetworkQuantizer::DivideAgain(const ChosenBits& chosen, Quantizable& network) {
  if (!partitioner_.has_npu()) return absl::OkStatus();
  Graph graph(rewritten_model_);
  std::vector<const onnx::NodeProto*> left_out;
  left_out.reserve(network.left_out.size());
  for (const std::string& tensor : network.left_out) left_out.push_back(graph.Producer(tensor));
  std::vector<std::string> notes;
  ASSIGN_OR_RETURN(const BitsOfNode bits_of, ResolveWithChosen(configuration().quantization(), chosen, graph, notes));
  ASSIGN_OR_RETURN(partition_, partitioner_.Divide(graph, left_out, bits_of));
  LabelParts(partition_, graph);
  rewritten_model_ = std::move(graph).TakeModel();
  network.on_cpu = partition_.on_cpu;
  return absl::OkStatus();
}

absl::Status NetworkQuantizer::SearchFormats(const Quantizable& network, const PrecisionGoal& goal,
                                             ChosenBits& chosen) {
  const size_t samples = goal.bits == v1::LAYER_BITS_FLOAT
                             ? AtMost(source_, kFallbackSamples)
                             : AtMost(source_, configuration().quantization().evaluated_samples());
  PrecisionSearchOptions options;
  options.num_samples = samples;
  options.threads = arguments_.threads;
  options.device = arguments_.device;
  options.load = LoadSpread(source_, samples);
  options.on_progress = [this](double fraction) {
    progress_.ReportFraction(fraction);
    return absl::OkStatus();
  };
  ASSIGN_OR_RETURN(PrecisionSearchResult result, SearchPrecision(network, goal, chosen, options));
  const size_t before = chosen.size();
  chosen = std::move(result.chosen);
  const bool is_float = goal.bits == v1::LAYER_BITS_FLOAT;
  const std::string format = is_float ? "float" : "16 bits";
  if (!is_float || chosen.size() > before) trade_off_ = std::move(result.curve);
  std::string asked = goal.cosine > 0 ? absl::StrFormat("cosine %.4f", goal.cosine) : "";
  if (goal.sqnr_db > 0) absl::StrAppendFormat(&asked, "%sSQNR %.2f dB", asked.empty() ? "" : " and ", goal.sqnr_db);
  if (!result.is_reached) {
    progress_.Warn(absl::StrFormat("no output may be further off than %s, which even all layers in %s do not reach",
                                   asked, format));
  } else if (chosen.size() > before) {
    progress_.Info(absl::StrFormat("%d tensors in %s for %s in every output", chosen.size() - before, format, asked));
  }
  return absl::OkStatus();
}

bool NetworkQuantizer::IsChosen(const ChosenBits& chosen, const v1::FloatNode& node) const {
  for (const onnx::NodeProto& candidate : rewritten_model_.graph().node()) {
    if (candidate.name() != node.name() && (candidate.output().empty() || candidate.output(0) != node.name())) continue;
    return std::any_of(candidate.output().begin(), candidate.output().end(),
                       [&](const std::string& output) { return chosen.contains(output); });
  }
  return false;
}

absl::Status NetworkQuantizer::RoundByOutput(Quantization& quantization) {
  constexpr double kShareOfCollecting = 0.3;
  BuildProgress::ReturnFreedMemory();
  const bool is_shallow = configuration().quantization().weight_rounding() == v1::WEIGHT_ROUNDING_OUTPUT_ERROR_SHALLOW;
  const size_t samples = is_shallow ? std::min(kShallowSamples, source_.size()) : source_.size();
  const ObserveOptions options = ObserveWithProgress(static_cast<double>(samples) / kShareOfCollecting);
  ASSIGN_OR_RETURN(std::vector<LayerInputs> inputs,
                   CollectLayerInputs(float_model_, *graph_, plan_, layers_, quantization,
                                      is_shallow ? kShallowDepth : std::numeric_limits<int64_t>::max(), samples,
                                      LoadSpread(source_, samples), options));
  const auto layers = static_cast<double>(inputs.size());
  return RoundLayersToOutput(
      plan_, layers_, std::move(inputs), configuration().quantization().bias_correction() != v1::BIAS_CORRECTION_OFF,
      arguments_.threads,
      [&](size_t done) {
        progress_.ReportFraction(kShareOfCollecting + (1 - kShareOfCollecting) * static_cast<double>(done) / layers);
        return absl::OkStatus();
      },
      quantization);
}

void NetworkQuantizer::NoteFloatNodes() {
  for (const v1::FloatNode& node : plan_.float_nodes) *report_.mutable_manifest()->add_float_nodes() = node;
  if (plan_.float_nodes.empty()) return;
  const v1::FloatNode& first = plan_.float_nodes.front();
  progress_.Warn(absl::StrFormat("%d %s float, %s%s (%s): %s", plan_.float_nodes.size(),
                                 plan_.float_nodes.size() == 1 ? "node stays" : "nodes stay",
                                 plan_.float_nodes.size() == 1 ? "" : "the first ", first.name(), first.op_type(),
                                 first.reason()));
}

void NetworkQuantizer::NoteRanges(const Quantization& quantization) {
  for (size_t i = 0; i < plan_.groups.size(); ++i) {
    for (const std::string& tensor : plan_.groups[i].tensors) {
      const auto found = statistics_.find(tensor);
      if (found == statistics_.end()) continue;
      v1::TensorRange* written = report_.add_ranges();
      written->set_name(tensor);
      for (const Range& sample : found->second.samples) {
        written->set_min(std::min(written->min(), sample.min));
        written->set_max(std::max(written->max(), sample.max));
      }
      written->set_scale(quantization.activations[i].scale);
      written->set_zero_point(quantization.activations[i].zero_point);
    }
  }
}

}  // namespace joinery::compiler
