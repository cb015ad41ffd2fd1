#include "compiler/build.h"

#include <malloc.h>
#include <sys/resource.h>

#include <algorithm>
#include <chrono>
#include <limits>
#include <map>
#include <memory>
#include <optional>
#include <unordered_set>
#include <utility>

#include "absl/strings/str_cat.h"
#include "absl/strings/str_format.h"
#include "base/digest.h"
#include "base/file.h"
#include "base/status.h"
#include "base/version.h"
#include "compiler/algorithm_gains.h"
#include "compiler/backend/attach_preprocessing.h"
#include "compiler/backend/joint_file.h"
#include "compiler/calibration/data_set.h"
#include "compiler/calibration/feed_source.h"
#include "compiler/calibration/observe.h"
#include "compiler/calibration/range.h"
#include "compiler/configuration/configuration.h"
#include "compiler/evaluation/advice.h"
#include "compiler/evaluation/compare_models.h"
#include "compiler/evaluation/html_report.h"
#include "compiler/evaluation/layer_analysis.h"
#include "compiler/execution/executor.h"
#include "compiler/failure.h"
#include "compiler/frontend/convert_opset.h"
#include "compiler/frontend/import_model.h"
#include "compiler/frontend/import_quantization.h"
#include "compiler/frontend/load_model.h"
#include "compiler/frontend/random_feed.h"
#include "compiler/frontend/simplify.h"
#include "compiler/frontend/verify_equivalence.h"
#include "compiler/ir/tensor_proto.h"
#include "compiler/precision_search.h"
#include "compiler/quantization/apply.h"
#include "compiler/quantization/correct_bias_sequentially.h"
#include "compiler/quantization/equalize.h"
#include "compiler/quantization/keep_pixels.h"
#include "compiler/quantization/layer_bits.h"
#include "compiler/quantization/plan.h"
#include "compiler/quantization/quantizer.h"
#include "compiler/quantization/refine_scales.h"
#include "compiler/quantization/smooth.h"
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
constexpr int64_t kCountedSamplesOfFast = 12;
// Where only layers are rounded together whose outputs read at most so many numbers, so many samples tell enough.
constexpr int64_t kShallowDepth = 32;
constexpr size_t kShallowSamples = 32;
// The first that has QuantizeLinear with 16 bits.
constexpr int kOpsetOf16Bits = 21;

absl::Status Reason(const absl::Status& status, v1::FailureReason reason) { return WithReason(status, reason); }

// Faults of a model: an operator we do not convert, or anything else.
absl::Status ModelReason(const absl::Status& status, const std::string& culprit) {
  return WithReason(
      status,
      absl::IsUnimplemented(status) ? v1::FAILURE_REASON_UNSUPPORTED_OPERATOR : v1::FAILURE_REASON_INVALID_MODEL,
      culprit);
}

class Builder {
 public:
  Builder(const BuildArguments& arguments, BuildListener& listener) : arguments_(arguments), listener_(listener) {}

  absl::StatusOr<v1::Report> Build() {
    RETURN_IF_ERROR(Stage("import", [this] { return Import(); }));
    // Beyond this point: opset 13 or later, all shapes known, one configuration in Joinery's own words.
    RETURN_IF_ERROR(Stage("simplify", [this] { return SimplifyGraph(); }));
    // Beyond this point: no constant expression, no BatchNormalization behind a convolution; the inputs are the
    // deployed ones, with the preprocessing in the graph.
    RETURN_IF_ERROR(Stage("calibrate", [this] { return Calibrate(); }));
    RETURN_IF_ERROR(Stage("quantize", [this] { return Quantize(); }));
    // Beyond this point: the graph is the artifact's.
    RETURN_IF_ERROR(Stage("evaluate", [this] { return Evaluate(); }));
    RETURN_IF_ERROR(Stage("emit", [this] { return Emit(); }));
    return std::move(report_);
  }

 private:
  static constexpr int kStages = 6;

  template <typename Function>
  absl::Status Stage(const std::string& name, const Function& run) {
    progress_.set_stage(name);
    progress_.set_stage_index(progress_.stage_index() + 1);
    progress_.set_stage_count(kStages);
    ReportFraction(0);
    const auto begin = std::chrono::steady_clock::now();
    RETURN_IF_ERROR(run());
    v1::StageTime* time = report_.add_stages();
    time->set_stage(name);
    time->set_seconds(std::chrono::duration<double>(std::chrono::steady_clock::now() - begin).count());
    ReportFraction(1);
    ReturnFreedMemory();
    return absl::OkStatus();
  }

  // The next peak comes on top of what the allocator holds back.
  static void ReturnFreedMemory() { malloc_trim(0); }

  void ReportFraction(double fraction) {
    progress_.set_fraction(fraction);
    listener_.OnProgress(progress_);
  }

  void Info(const std::string& text) { listener_.OnLog(v1::LOG_LEVEL_INFO, text); }

  void Warn(const std::string& text) {
    report_.add_warnings(text);
    listener_.OnLog(v1::LOG_LEVEL_WARNING, text);
  }

  absl::Status Import() {
    const ModelLimits limits;
    const absl::StatusOr<std::string> bytes = base::ReadFile(arguments_.model_path, limits.max_bytes);
    if (!bytes.ok()) return ModelReason(bytes.status(), arguments_.model_path);
    report_.set_model_bytes(static_cast<int64_t>(bytes->size()));
    manifest().set_model_digest(base::Sha256(*bytes));
    absl::StatusOr<onnx::ModelProto> model = ParseModel(*bytes, arguments_.model_path, limits);
    if (!model.ok()) return ModelReason(model.status(), arguments_.model_path);
    if (HasManifest(*model)) {
      return ModelReason(absl::InvalidArgumentError(absl::StrCat(
                             arguments_.model_path, " is a .joint already: give the float model it was made from")),
                         arguments_.model_path);
    }
    original_ = *model;
    absl::StatusOr<Imported> imported =
        ImportModel(*std::move(model), {.limits = limits, .input_shapes = arguments_.input_shapes});
    if (!imported.ok()) {
      return ModelReason(base::Annotate(imported.status(), arguments_.model_path), arguments_.model_path);
    }
    for (const std::string& note : imported->notes) Info(note);
    for (const std::string& note : imported->quantization.notes) Warn(note);
    // What is compared from here on is the float model that the quantized one stands for.
    if (!imported->quantization.empty()) original_ = imported->graph.model();
    imported_ = std::move(imported->quantization);
    graph_ = std::make_unique<Graph>(std::move(imported->graph));
    Info(absl::StrFormat("%s: %d nodes, opset %d", arguments_.model_path, graph_->proto().node_size(),
                         OpsetVersion(graph_->model())));
    return Configure();
  }

  absl::Status Configure() {
    std::vector<ModelInput> inputs;
    for (const onnx::ValueInfoProto* input : graph_->Inputs()) {
      inputs.push_back({input->name(), graph_->ElementType(input->name()), *graph_->Shape(input->name())});
    }
    absl::StatusOr<Translation> translation = TranslateConfiguration(arguments_.configuration, inputs);
    if (!translation.ok()) return Reason(translation.status(), v1::FAILURE_REASON_INVALID_CONFIG);
    for (const std::string& warning : translation->warnings) Warn(warning);
    *manifest().mutable_configuration() = std::move(translation->configuration);
    return absl::OkStatus();
  }

  absl::Status SimplifyGraph() {
    const absl::StatusOr<std::vector<PassReport>> passes = [this] {
      const PinnedTensors pinned(*graph_, imported_);
      return Simplify(*graph_);
    }();
    if (!passes.ok()) return ModelReason(passes.status(), arguments_.model_path);
    for (const PassReport& pass : *passes) {
      if (pass.rewrites > 0) Info(absl::StrCat(pass.pass, ": ", pass.rewrites, " rewrites"));
    }
    if (Needs16Bits() && OpsetVersion(graph_->model()) < kOpsetOf16Bits && !TryRaiseOpset(*graph_, kOpsetOf16Bits)) {
      return ModelReason(absl::UnimplementedError(absl::StrFormat(
                             "16 bits need opset %d, to which some operator of this model cannot be converted: export "
                             "it with that opset, or ask for 8 bits",
                             kOpsetOf16Bits)),
                         arguments_.model_path);
    }
    const auto simplified = graph_->model();
    absl::StatusOr<std::vector<const onnx::NodeProto*>> added =
        AttachPreprocessing(*graph_, manifest().configuration());
    if (!added.ok()) return Reason(added.status(), v1::FAILURE_REASON_INVALID_CONFIG);
    preprocessing_ = *std::move(added);
    // The scale that the model brings along for an input is one of its preprocessed values.
    for (const v1::InputConfiguration& input : manifest().configuration().inputs()) {
      const std::string preprocessed = PreprocessedName(input.name());
      if (graph_->Producer(preprocessed) == nullptr) continue;
      auto activation = imported_.activations.extract(input.name());
      if (activation.empty()) continue;
      activation.key() = preprocessed;
      imported_.activations.insert(std::move(activation));
    }
    RETURN_IF_ERROR(OpenCalibrationSet());
    RETURN_IF_ERROR(VerifySimplified(simplified));
    original_.Clear();
    return absl::OkStatus();
  }

  bool Needs16Bits() const {
    const v1::Quantization& asked = report_.manifest().configuration().quantization();
    return asked.target_cosine() > 0 || asked.target_sqnr_db() > 0 ||
           std::any_of(asked.layers().begin(), asked.layers().end(),
                       [](const v1::LayerFormat& format) { return format.bits() == v1::LAYER_BITS_16; }) ||
           std::any_of(imported_.activations.begin(), imported_.activations.end(),
                       [](const auto& activation) { return activation.second.bits == 16; });
  }

  absl::Status OpenCalibrationSet() {
    absl::StatusOr<DataSet> data_set = DataSet::Open(arguments_.calibration_path, {});
    if (!data_set.ok()) {
      return WithReason(data_set.status(), v1::FAILURE_REASON_INVALID_CALIBRATION, arguments_.calibration_path);
    }
    data_set_ = std::make_unique<DataSet>(*std::move(data_set));
    for (const std::string& note : data_set_->notes()) Warn(note);
    absl::StatusOr<FeedSource> source = FeedSource::Create(*data_set_, manifest().configuration());
    if (!source.ok()) {
      return WithReason(source.status(), v1::FAILURE_REASON_INVALID_CALIBRATION, arguments_.calibration_path);
    }
    source_ = std::make_unique<FeedSource>(*std::move(source));
    manifest().mutable_calibration_set()->set_digest(source_->digest());
    manifest().mutable_calibration_set()->set_samples(static_cast<int32_t>(source_->size()));
    return absl::OkStatus();
  }

  // The simplified model must compute what the one that was given does: on random numbers, and on a sample of the
  // calibration set.
  absl::Status VerifySimplified(const onnx::ModelProto& simplified) {
    ASSIGN_OR_RETURN(EquivalenceChecker checker, EquivalenceChecker::Create(original_, simplified, arguments_.threads));
    ASSIGN_OR_RETURN(const std::vector<Tensor> random, RandomFeed(checker.inputs(), /*seed=*/1));
    RETURN_IF_ERROR(checker.Check(random));
    ASSIGN_OR_RETURN(const std::vector<Tensor> sample, source_->Load(0));
    ASSIGN_OR_RETURN(const std::vector<Tensor> preprocessed, Preprocess(sample));
    return checker.Check(preprocessed);
  }

  // What the float model takes for what the deployed inputs are given.
  absl::StatusOr<std::vector<Tensor>> Preprocess(const std::vector<Tensor>& sample) {
    std::vector<Tensor> preprocessed = sample;
    Graph graph(graph_->model());
    std::vector<size_t> changed;
    graph.mutable_model().mutable_graph()->clear_output();
    for (size_t i = 0; i < sample.size(); ++i) {
      const std::string name = PreprocessedName(manifest().configuration().inputs(static_cast<int>(i)).name());
      if (graph.Producer(name) == nullptr) continue;
      changed.push_back(i);
      onnx::ValueInfoProto* output = graph.mutable_model().mutable_graph()->add_output();
      output->set_name(name);
      output->mutable_type()->mutable_tensor_type()->set_elem_type(onnx::TensorProto::FLOAT);
    }
    if (changed.empty()) return preprocessed;
    graph.RemoveDeadNodes();
    ASSIGN_OR_RETURN(const std::unique_ptr<Executor> executor, LoadOnnxRuntime(graph.model(), {}));
    ASSIGN_OR_RETURN(std::vector<Tensor> outputs, RunToTensors(*executor, sample));
    for (size_t i = 0; i < changed.size(); ++i) preprocessed[changed[i]] = std::move(outputs[i]);
    return preprocessed;
  }

  absl::Status Calibrate() {
    std::vector<std::string> notes;
    absl::StatusOr<BitsOfNode> bits_of = ResolveLayerFormats(manifest().configuration().quantization(), *graph_, notes);
    if (!bits_of.ok()) return Reason(bits_of.status(), v1::FAILURE_REASON_INVALID_CONFIG);
    plan_ = PlanQuantization(*graph_, preprocessing_, *bits_of);
    FitPlan(imported_, *graph_, plan_, notes);
    for (const std::string& note : notes) Warn(note);
    ASSIGN_OR_RETURN(layers_.weights, LoadLinearWeights(*graph_, plan_));
    // Imported scales are for the weights as they are.
    if (manifest().configuration().quantization().cross_layer_equalization() && imported_.empty()) {
      classes_ = FindChannelClasses(*graph_, plan_, layers_.weights);
    }
    std::vector<ObservedTensor> tensors = TensorsToObserve(*graph_, plan_, classes_, MaySearch());
    const v1::Quantization& asked = manifest().configuration().quantization();
    if (asked.smooth_quant_strength() > 0 && imported_.empty()) {
      normalized_ = FindNormalizedTensors(*graph_, plan_, layers_.weights);
      ObserveByChannel(*graph_, normalized_, tensors);
    }
    const size_t samples = AtMost(asked.observed_samples());
    ObserveOptions options;
    options.threads = arguments_.threads;
    if (asked.preset() == v1::PRESET_FAST) options.counted_samples = kCountedSamplesOfFast;
    options.on_progress = [&](size_t done) {
      ReportFraction(static_cast<double>(done) / static_cast<double>(samples));
      return absl::OkStatus();
    };
    ASSIGN_OR_RETURN(std::vector<TensorStatistics> statistics,
                     Observe(graph_->model(), tensors, samples, LoadSpread(samples), options));
    Info(absl::StrFormat("%d of %d samples observed in %d tensors", samples, source_->size(), tensors.size()));
    for (const std::string& note : source_->Notes()) Info(note);
    for (size_t i = 0; i < tensors.size(); ++i) {
      RETURN_IF_ERROR(CheckFinite(tensors[i].name, statistics[i]));
      statistics_.emplace(tensors[i].name, std::move(statistics[i]));
    }
    return absl::OkStatus();
  }

  // So many samples as `limit` allows, all if it is 0.
  size_t AtMost(int limit) const {
    return limit > 0 ? std::min(static_cast<size_t>(limit), source_->size()) : source_->size();
  }

  size_t EvaluatedSamples() const {
    return AtMost(report_.manifest().configuration().quantization().evaluated_samples());
  }

  // Loads `count` samples that lie evenly in the set, which may be sorted.
  LoadSampleFunction LoadSpread(size_t count) const {
    return [this, count](size_t sample) { return source_->Load(sample * source_->size() / count); };
  }

  // A value that is not finite has no 8-bit form, and would be a wrong number in silence.
  static absl::Status CheckFinite(const std::string& tensor, const TensorStatistics& statistics) {
    if (statistics.not_finite() == 0) return absl::OkStatus();
    return WithReason(absl::InvalidArgumentError(absl::StrCat(
                          "the float model computes NaN or infinity in tensor \"", tensor,
                          "\" on the calibration set: check that its preprocessing is configured as in training")),
                      v1::FAILURE_REASON_INVALID_MODEL, tensor);
  }

  absl::Status Quantize() {
    float_model_ = graph_->model();
    RETURN_IF_ERROR(StartGains());
    layers_.factors = Equalize(classes_, statistics_, layers_.weights);
    if (!classes_.empty()) Info(absl::StrFormat("equalized the channels of %d tensors", layers_.factors.size()));
    const double strength = manifest().configuration().quantization().smooth_quant_strength();
    if (strength > 0) {
      ASSIGN_OR_RETURN(const int smoothed, Smooth(normalized_, statistics_, strength, *graph_, layers_));
      Info(absl::StrFormat("smoothed the outputs of %d layer normalizations", smoothed));
    }
    ASSIGN_OR_RETURN(Quantization quantization,
                     QuantizeToNearest(*graph_, plan_, layers_, statistics_, manifest().configuration()));
    if (!layers_.factors.empty()) WriteWeights(plan_, layers_, *graph_);
    rewritten_model_ = graph_->model();
    RETURN_IF_ERROR(MeasureRewriting());
    const v1::BiasCorrection correction = manifest().configuration().quantization().bias_correction();
    if (correction != v1::BIAS_CORRECTION_OFF) RETURN_IF_ERROR(MeasureGain("bias correction", quantization));
    // Imported weights are rounded already.
    if (imported_.empty() &&
        manifest().configuration().quantization().weight_rounding() != v1::WEIGHT_ROUNDING_NEAREST) {
      RETURN_IF_ERROR(RoundByOutput(quantization));
      RETURN_IF_ERROR(MeasureGain("rounding by the layer's output", quantization));
    }
    if (!imported_.empty()) {
      std::vector<std::string> notes;
      RETURN_IF_ERROR(TakeImported(imported_, plan_, *graph_, quantization, notes));
      for (const std::string& note : notes) Warn(note);
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
    return RemoveIdentityPreprocessing(*graph_).status();
  }

  // What the algorithms gain takes several runs of the network to tell, for those who have the time.
  absl::Status StartGains() {
    const v1::BuildConfiguration& configuration = manifest().configuration();
    const bool has_time =
        configuration.quantization().preset() == v1::PRESET_ACCURATE || arguments_.measure_contributions;
    if (!has_time || !imported_.empty()) return absl::OkStatus();
    const size_t samples = EvaluatedSamples();
    std::vector<std::vector<Tensor>> feeds;
    for (size_t sample = 0; sample < samples; ++sample) {
      ASSIGN_OR_RETURN(feeds.emplace_back(), LoadSpread(samples)(sample));
    }
    ASSIGN_OR_RETURN(gains_, AlgorithmGains::Create(float_model_, std::move(feeds), arguments_.threads));
    v1::BuildConfiguration plain = WithoutBiasCorrection();
    plain.mutable_calibration()->set_range_method(v1::RANGE_METHOD_MIN_MAX);
    RETURN_IF_ERROR(MeasurePlain("", plain));
    if (configuration.calibration().range_method() == v1::RANGE_METHOD_MIN_MAX) return absl::OkStatus();
    return MeasurePlain("choice of ranges", WithoutBiasCorrection());
  }

  v1::BuildConfiguration WithoutBiasCorrection() {
    v1::BuildConfiguration changed = manifest().configuration();
    changed.mutable_quantization()->set_bias_correction(v1::BIAS_CORRECTION_OFF);
    return changed;
  }

  // The network with its own weights, rounded to nearest.
  absl::Status MeasurePlain(const std::string& algorithm, const v1::BuildConfiguration& configuration) {
    const FloatLayers layers{layers_.weights, {}};
    ASSIGN_OR_RETURN(Quantization quantization, QuantizeToNearest(*graph_, plan_, layers, statistics_, configuration));
    return gains_->Add(algorithm,
                       Describe(float_model_, layers.factors, std::move(quantization.linear), configuration));
  }

  absl::Status MeasureRewriting() {
    if (!gains_.has_value() || layers_.factors.empty()) return absl::OkStatus();
    const v1::BuildConfiguration configuration = WithoutBiasCorrection();
    ASSIGN_OR_RETURN(Quantization quantization, QuantizeToNearest(*graph_, plan_, layers_, statistics_, configuration));
    const bool is_smoothed = configuration.quantization().smooth_quant_strength() > 0;
    return gains_->Add(is_smoothed ? "equalization and smoothing" : "cross-layer equalization",
                       Describe(rewritten_model_, layers_.factors, std::move(quantization.linear), configuration));
  }

  absl::Status MeasureGain(const std::string& algorithm, const Quantization& quantization) {
    if (!gains_.has_value()) return absl::OkStatus();
    Quantizable network = Describe(rewritten_model_, layers_.factors, quantization.linear, manifest().configuration());
    KeepScales(quantization, network);
    return gains_->Add(algorithm, network);
  }

  // Those of 8 bits, rather than choosing them again.
  void KeepScales(const Quantization& quantization, Quantizable& network) const {
    for (size_t i = 0; i < plan_.groups.size(); ++i) {
      const ActivationGroup& group = plan_.groups[i];
      if (group.bits == 8) network.refined.emplace(group.tensors.front(), quantization.activations[i]);
    }
  }

  Quantizable Describe(const onnx::ModelProto& model, const ChannelFactors& factors,
                       std::vector<LinearQuantization> linear, const v1::BuildConfiguration& configuration) const {
    Quantizable network{model, {}, statistics_, factors, {}, configuration};
    for (const onnx::NodeProto* node : preprocessing_) network.left_out.push_back(node->output(0));
    for (size_t i = 0; i < plan_.linear_nodes.size(); ++i) {
      network.linear.emplace(plan_.linear_nodes[i].node->output(0), std::move(linear[i]));
    }
    return network;
  }

  absl::Status CorrectBiases(Quantization& quantization) {
    if (manifest().configuration().quantization().bias_correction() != v1::BIAS_CORRECTION_SEQUENTIAL) {
      return absl::OkStatus();
    }
    const auto layers = static_cast<double>(plan_.linear_nodes.size());
    ObserveOptions options;
    options.threads = arguments_.threads;
    options.on_progress = [&](size_t done) {
      ReportFraction(static_cast<double>(done) / layers);
      return absl::OkStatus();
    };
    return CorrectBiasSequentially(
        *graph_, plan_, layers_.weights, source_->size(), [this](size_t sample) { return source_->Load(sample); },
        options, quantization);
  }

  absl::Status RefineRanges(Quantization& quantization) {
    if (!manifest().configuration().quantization().scale_refinement()) return absl::OkStatus();
    const auto groups = static_cast<double>(plan_.groups.size());
    ObserveOptions options;
    options.threads = arguments_.threads;
    options.on_progress = [&](size_t done) {
      ReportFraction(static_cast<double>(done) / groups);
      return absl::OkStatus();
    };
    ASSIGN_OR_RETURN(const int changed,
                     RefineScales(
                         *graph_, plan_, source_->size(), [this](size_t sample) { return source_->Load(sample); },
                         options, quantization));
    Info(absl::StrFormat("refined the scales of %d of %d groups of activations", changed, plan_.groups.size()));
    return MeasureGain("scale refinement", quantization);
  }

  // Whether layers may be given other formats than configured, until the outputs are as exact as asked for.
  bool MaySearch() const {
    const v1::Quantization& asked = report_.manifest().configuration().quantization();
    // Imported scales are for the formats they were trained with.
    return imported_.empty() &&
           (asked.target_cosine() > 0 || asked.target_sqnr_db() > 0 || asked.float_fallback_cosine() > 0);
  }

  absl::Status QuantizeMixed(Quantization base) {
    Quantizable network =
        Describe(rewritten_model_, layers_.factors, std::move(base.linear), manifest().configuration());
    if (manifest().configuration().quantization().scale_refinement()) KeepScales(base, network);
    const v1::Quantization& asked = manifest().configuration().quantization();
    ChosenBits chosen;
    if (asked.target_cosine() > 0 || asked.target_sqnr_db() > 0) {
      const PrecisionGoal goal{asked.target_cosine(), asked.target_sqnr_db(), v1::LAYER_BITS_16};
      RETURN_IF_ERROR(SearchFormats(network, goal, chosen));
    }
    if (asked.float_fallback_cosine() > 0) {
      const auto samples = static_cast<double>(AtMost(kFallbackSamples));
      const double margin =
          std::min(kLargestFallbackMargin, kFallbackMargin + kFallbackMarginOfFewSamples / (samples * samples));
      const double cosine = asked.float_fallback_cosine() + margin * (1 - asked.float_fallback_cosine());
      RETURN_IF_ERROR(SearchFormats(network, {cosine, 0, v1::LAYER_BITS_FLOAT}, chosen));
    }
    ASSIGN_OR_RETURN(Quantized quantized, QuantizeAs(network, chosen));
    graph_ = std::move(quantized.graph);
    plan_ = std::move(quantized.plan);
    for (v1::FloatNode& node : plan_.float_nodes) {
      if (IsChosen(chosen, node)) node.set_reason("with 8 bits here an output would be too far from the float model's");
    }
    NoteFloatNodes();
    NoteRanges(quantized.quantization);
    return absl::OkStatus();
  }

  // Adds to `chosen` what reaches the goal.
  absl::Status SearchFormats(const Quantizable& network, const PrecisionGoal& goal, ChosenBits& chosen) {
    const size_t samples = goal.bits == v1::LAYER_BITS_FLOAT ? AtMost(kFallbackSamples) : EvaluatedSamples();
    PrecisionSearchOptions options;
    options.num_samples = samples;
    options.threads = arguments_.threads;
    options.load = LoadSpread(samples);
    options.on_progress = [this](double fraction) {
      ReportFraction(fraction);
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
      Warn(absl::StrFormat("no output may be further off than %s, which even all layers in %s do not reach", asked,
                           format));
    } else if (chosen.size() > before) {
      Info(absl::StrFormat("%d tensors in %s for %s in every output", chosen.size() - before, format, asked));
    }
    return absl::OkStatus();
  }

  bool IsChosen(const ChosenBits& chosen, const v1::FloatNode& node) const {
    for (const onnx::NodeProto& candidate : rewritten_model_.graph().node()) {
      if (candidate.name() != node.name() && (candidate.output().empty() || candidate.output(0) != node.name()))
        continue;
      return std::any_of(candidate.output().begin(), candidate.output().end(),
                         [&](const std::string& output) { return chosen.contains(output); });
    }
    return false;
  }

  absl::Status RoundByOutput(Quantization& quantization) {
    constexpr double kShareOfCollecting = 0.3;
    ReturnFreedMemory();
    const bool is_shallow =
        manifest().configuration().quantization().weight_rounding() == v1::WEIGHT_ROUNDING_OUTPUT_ERROR_SHALLOW;
    const size_t samples = is_shallow ? std::min(kShallowSamples, source_->size()) : source_->size();
    ObserveOptions options;
    options.threads = arguments_.threads;
    options.on_progress = [&](size_t done) {
      ReportFraction(kShareOfCollecting * static_cast<double>(done) / static_cast<double>(samples));
      return absl::OkStatus();
    };
    ASSIGN_OR_RETURN(std::vector<LayerInputs> inputs,
                     CollectLayerInputs(float_model_, *graph_, plan_, layers_, quantization,
                                        is_shallow ? kShallowDepth : std::numeric_limits<int64_t>::max(), samples,
                                        LoadSpread(samples), options));
    const auto layers = static_cast<double>(inputs.size());
    return RoundLayersToOutput(
        plan_, layers_, std::move(inputs),
        manifest().configuration().quantization().bias_correction() != v1::BIAS_CORRECTION_OFF, arguments_.threads,
        [&](size_t done) {
          ReportFraction(kShareOfCollecting + (1 - kShareOfCollecting) * static_cast<double>(done) / layers);
          return absl::OkStatus();
        },
        quantization);
  }

  void NoteFloatNodes() {
    for (const v1::FloatNode& node : plan_.float_nodes) *manifest().add_float_nodes() = node;
    if (plan_.float_nodes.empty()) return;
    const v1::FloatNode& first = plan_.float_nodes.front();
    Warn(absl::StrFormat("%d %s float, %s%s (%s): %s", plan_.float_nodes.size(),
                         plan_.float_nodes.size() == 1 ? "node stays" : "nodes stay",
                         plan_.float_nodes.size() == 1 ? "" : "the first ", first.name(), first.op_type(),
                         first.reason()));
  }

  // Of the tensors that were observed, as they were.
  void NoteRanges(const Quantization& quantization) {
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

  absl::Status Evaluate() {
    RETURN_IF_ERROR(CompareOutputs());
    AnalyzePrecision();
    return absl::OkStatus();
  }

  absl::Status CompareOutputs() {
    const size_t samples = EvaluatedSamples();
    const ExecutorOptions options{.threads = arguments_.threads};
    ASSIGN_OR_RETURN(const std::unique_ptr<Executor> reference, LoadOnnxRuntime(float_model_, options));
    ASSIGN_OR_RETURN(const std::unique_ptr<Executor> quantized, LoadOnnxRuntime(graph_->model(), options));
    const LoadSampleFunction load = LoadSpread(samples);
    ModelComparison comparison(*reference, *quantized);
    for (size_t sample = 0; sample < samples; ++sample) {
      ASSIGN_OR_RETURN(const std::vector<Tensor> feed, load(sample));
      RETURN_IF_ERROR(comparison.Add(feed));
      ReportFraction(static_cast<double>(sample + 1) / static_cast<double>(samples));
    }
    *manifest().mutable_precision() = comparison.ToProto();
    return absl::OkStatus();
  }

  // The artifact is right without it, so a model that defies the analysis is no failure.
  void AnalyzePrecision() {
    const LayerAnalysisOptions options{.num_samples = (EvaluatedSamples() + 3) / 4,
                                       .threads = arguments_.threads,
                                       .measure_contributions = arguments_.measure_contributions};
    const absl::StatusOr<v1::Precision> layers =
        AnalyzeLayers(rewritten_model_, graph_->model(), LoadSpread(options.num_samples), options);
    if (!layers.ok()) return Warn(absl::StrCat("no precision report by layer: ", layers.status().message()));
    manifest().mutable_precision()->MergeFrom(*layers);
    if (gains_.has_value()) {
      for (const v1::AlgorithmGain& gain : gains_->gains()) *manifest().mutable_precision()->add_gains() = gain;
    }
    for (const v1::TradeOffPoint& point : trade_off_) *manifest().mutable_precision()->add_trade_off() = point;
    AddAdvice(manifest());
  }

  absl::Status Emit() {
    manifest().set_format_version(kJointFormatVersion);
    manifest().set_tool_version(base::kVersion);
    AssignParts();
    DescribeTensors();
    ASSIGN_OR_RETURN(const int64_t artifact_bytes,
                     WriteJoint(arguments_.output_path, std::move(*graph_).TakeModel(), manifest()));
    report_.set_artifact_bytes(artifact_bytes);
    if (!arguments_.output_configuration_path.empty()) {
      RETURN_IF_ERROR(
          base::WriteFileAtomically(arguments_.output_configuration_path,
                                    FormatConfiguration(arguments_.configuration, manifest().configuration())));
    }
    rusage usage{};
    getrusage(RUSAGE_SELF, &usage);
    report_.set_peak_memory_bytes(static_cast<int64_t>(usage.ru_maxrss) * 1024);
    if (!arguments_.report_path.empty()) {
      RETURN_IF_ERROR(base::WriteFileAtomically(arguments_.report_path, ToJson(report_, /*pretty=*/true) + "\n"));
    }
    if (!arguments_.html_report_path.empty()) {
      RETURN_IF_ERROR(base::WriteFileAtomically(arguments_.html_report_path, FormatHtmlReport(report_)));
    }
    return absl::OkStatus();
  }

  // 8-bit nodes run on the NPU, the others on the CPU; without a chip all do on the CPU.
  void AssignParts() {
    std::unordered_set<const onnx::NodeProto*> on_npu;
    if (manifest().configuration().target().hardware() != "ONNX_RUNTIME") {
      on_npu.insert(plan_.quantized_nodes.begin(), plan_.quantized_nodes.end());
    }
    std::map<std::string, int> nodes_of_part;
    for (onnx::NodeProto* node : graph_->nodes()) {
      const bool converts = node->op_type() == "QuantizeLinear" || node->op_type() == "DequantizeLinear";
      const std::string part = on_npu.contains(node) || (converts && !on_npu.empty()) ? "npu:0" : "cpu:0";
      ++nodes_of_part[part];
      onnx::StringStringEntryProto* entry = node->add_metadata_props();
      entry->set_key("joinery.part");
      entry->set_value(part);
    }
    for (const auto& [name, nodes] : nodes_of_part) {
      v1::Part* part = manifest().add_parts();
      part->set_name(name);
      part->set_nodes(nodes);
    }
  }

  void DescribeTensors() {
    for (const onnx::ValueInfoProto* input : graph_->Inputs()) {
      v1::TensorInfo* info = manifest().add_inputs();
      *info = DescribeTensor(*input);
      for (const v1::InputConfiguration& configured : manifest().configuration().inputs()) {
        if (configured.name() != input->name()) continue;
        info->set_layout(v1::Layout_Name(configured.layout()).substr(sizeof("LAYOUT_") - 1));
        if (configured.color_space() > v1::COLOR_SPACE_NONE) {
          info->set_color_space(v1::ColorSpace_Name(configured.color_space()).substr(sizeof("COLOR_SPACE_") - 1));
        }
      }
    }
    for (const onnx::ValueInfoProto& output : graph_->proto().output()) {
      v1::TensorInfo* info = manifest().add_outputs();
      *info = DescribeTensor(output);
      info->set_layout("NATIVE");
    }
  }

  v1::Manifest& manifest() { return *report_.mutable_manifest(); }

  const BuildArguments& arguments_;
  BuildListener& listener_;
  v1::Progress progress_;
  v1::Report report_;
  // As it was given; until the simplified one was compared with it.
  onnx::ModelProto original_;
  std::unique_ptr<Graph> graph_;
  // What the model brought along of scales and quantized weights; usually nothing.
  ImportedQuantization imported_;
  // The simplified model with the deployed inputs, before quantization.
  onnx::ModelProto float_model_;
  // The same with rewritten weights: its tensors are those of the artifact but for rounding.
  onnx::ModelProto rewritten_model_;
  // If it is measured.
  std::optional<AlgorithmGains> gains_;
  // Of the last search for formats.
  std::vector<v1::TradeOffPoint> trade_off_;
  std::vector<const onnx::NodeProto*> preprocessing_;
  std::unique_ptr<DataSet> data_set_;
  std::unique_ptr<FeedSource> source_;
  QuantizationPlan plan_;
  std::vector<ChannelClass> classes_;
  std::vector<NormalizedTensor> normalized_;
  StatisticsOfTensors statistics_;
  FloatLayers layers_;
};

}  // namespace

absl::StatusOr<v1::Report> Build(const BuildArguments& arguments, BuildListener& listener) {
  return Builder(arguments, listener).Build();
}

}  // namespace joinery::compiler
