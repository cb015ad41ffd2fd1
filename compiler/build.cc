#include "compiler/build.h"

#include <sys/resource.h>

#include <algorithm>
#include <memory>
#include <optional>
#include <utility>

#include "absl/strings/str_cat.h"
#include "absl/strings/str_format.h"
#include "base/digest.h"
#include "base/file.h"
#include "base/status.h"
#include "base/version.h"
#include "compiler/backend/attach_outputs.h"
#include "compiler/backend/attach_preprocessing.h"
#include "compiler/backend/deploy.h"
#include "compiler/backend/joint_file.h"
#include "compiler/backend/parts.h"
#include "compiler/build_progress.h"
#include "compiler/calibration/data_set.h"
#include "compiler/calibration/feed_source.h"
#include "compiler/calibration/observe.h"
#include "compiler/configuration/configuration.h"
#include "compiler/configuration/deployed_input.h"
#include "compiler/configuration/enum_names.h"
#include "compiler/evaluation/advice.h"
#include "compiler/evaluation/compare_models.h"
#include "compiler/evaluation/layer_analysis.h"
#include "compiler/evaluation/report_files.h"
#include "compiler/execution/executor.h"
#include "compiler/failure.h"
#include "compiler/frontend/convert_opset.h"
#include "compiler/frontend/edit_model.h"
#include "compiler/frontend/import_model.h"
#include "compiler/frontend/import_quantization.h"
#include "compiler/frontend/load_model.h"
#include "compiler/frontend/random_feed.h"
#include "compiler/frontend/simplify.h"
#include "compiler/frontend/verify_equivalence.h"
#include "compiler/ir/tensor_proto.h"
#include "compiler/model_inputs.h"
#include "compiler/network_quantizer.h"
#include "compiler/target/estimate_model.h"
#include "compiler/target/network_partition.h"
#include "compiler/target/target.h"

namespace joinery::compiler {
namespace {

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

constexpr int kStages = 6;

// Of everything, where there is no chip.
constexpr char kOnlyPart[] = "cpu:0";

class Builder {
 public:
  Builder(const BuildArguments& arguments, BuildListener& listener)
      : arguments_(arguments), progress_(listener, report_, kStages) {
    report_.set_device(arguments.device == nullptr ? "cpu" : arguments.device->name());
  }

  absl::StatusOr<std::vector<v1::Report>> Build() {
    RETURN_IF_ERROR(progress_.Stage("import", [this] { return Import(); }));
    // Beyond this point: opset 13 or later, all shapes known, one configuration in Joinery's own words.
    RETURN_IF_ERROR(progress_.Stage("simplify", [this] { return SimplifyGraph(); }));
    // Beyond this point: no constant expression, no BatchNormalization behind a convolution; the inputs are the
    // deployed ones, with the preprocessing in the graph.
    RETURN_IF_ERROR(progress_.Stage("calibrate", [this] { return Calibrate(); }));
    // Beyond this point: one network for each target, every node with its part, if there is a chip.
    for (const std::unique_ptr<Artifact>& artifact : artifacts_) {
      if (artifact != artifacts_.front())
        *artifact->report.add_stages() = *artifacts_.front()->report.stages().rbegin();
    }
    for (const std::unique_ptr<Artifact>& artifact : artifacts_) {
      if (artifact->like != nullptr) continue;
      progress_.WriteTo(artifact->report);
      RETURN_IF_ERROR(progress_.Stage("quantize", [&] { return artifact->quantizer->Quantize(); }));
      // Beyond this point: the graph is the artifact's.
      RETURN_IF_ERROR(progress_.Stage("evaluate", [&] { return Evaluate(*artifact); }));
    }
    progress_.WriteTo(artifacts_.front()->report);
    RETURN_IF_ERROR(progress_.Stage("emit", [this] { return Emit(); }));
    std::vector<v1::Report> reports;
    for (const std::unique_ptr<Artifact>& artifact : artifacts_) reports.push_back(std::move(artifact->report));
    return reports;
  }

 private:
  // What is made for one target.
  struct Artifact {
    v1::Report report;
    std::unique_ptr<Graph> graph;
    std::vector<const onnx::NodeProto*> preprocessing;
    std::optional<NetworkPartitioner> partitioner;
    std::unique_ptr<NetworkQuantizer> quantizer;
    // An earlier one that is the same but for its target; null if there is none.
    const Artifact* like = nullptr;
  };

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
    RETURN_IF_ERROR(EditImported(*model));
    original_ = *model;
    absl::StatusOr<Imported> imported =
        ImportModel(*std::move(model), {.limits = limits, .input_shapes = arguments_.input_shapes});
    if (!imported.ok()) {
      return ModelReason(base::Annotate(imported.status(), arguments_.model_path), arguments_.model_path);
    }
    for (const std::string& note : imported->notes) progress_.Info(note);
    for (const std::string& note : imported->quantization.notes) progress_.Warn(note);
    // What is compared from here on is the float model that the quantized one stands for.
    if (!imported->quantization.empty()) original_ = imported->graph.model();
    imported_ = std::move(imported->quantization);
    graph_ = std::make_unique<Graph>(std::move(imported->graph));
    progress_.Info(absl::StrFormat("%s: %d nodes, opset %d", arguments_.model_path, graph_->proto().node_size(),
                                   OpsetVersion(graph_->model())));
    return Configure();
  }

  absl::Status EditImported(onnx::ModelProto& model) const {
    const absl::StatusOr<v1::ModelEdits> edits = ModelEditsOf(arguments_.configuration);
    if (!edits.ok()) return Reason(edits.status(), v1::FAILURE_REASON_INVALID_CONFIG);
    return Reason(EditModel(*edits, model), v1::FAILURE_REASON_INVALID_CONFIG);
  }

  absl::Status Configure() {
    absl::StatusOr<Translation> translation = TranslateConfiguration(arguments_.configuration, ModelInputsOf(*graph_));
    if (!translation.ok()) return Reason(translation.status(), v1::FAILURE_REASON_INVALID_CONFIG);
    for (const std::string& warning : translation->warnings) progress_.Warn(warning);
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
      if (pass.rewrites > 0) progress_.Info(absl::StrCat(pass.pass, ": ", pass.rewrites, " rewrites"));
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
        AttachPreprocessing(*graph_, CalibratedInputs(configuration()));
    if (!added.ok()) return Reason(added.status(), v1::FAILURE_REASON_INVALID_CONFIG);
    preprocessing_ = *std::move(added);
    added = AttachOutputs(*graph_, configuration());
    if (!added.ok()) return Reason(added.status(), v1::FAILURE_REASON_INVALID_CONFIG);
    preprocessing_.insert(preprocessing_.end(), added->begin(), added->end());
    // The scale that the model brings along for an input is one of its preprocessed values.
    for (const v1::InputConfiguration& input : configuration().inputs()) {
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
    const v1::Quantization& asked = configuration().quantization();
    return asked.target_cosine() > 0 || asked.target_sqnr_db() > 0 ||
           std::any_of(asked.layers().begin(), asked.layers().end(),
                       [](const v1::LayerFormat& format) { return format.bits() == v1::LAYER_BITS_16; }) ||
           std::any_of(imported_.activations.begin(), imported_.activations.end(),
                       [](const auto& activation) { return activation.second.bits == 16; });
  }

  absl::Status OpenCalibrationSet() {
    std::vector<std::string> paths{arguments_.calibration_path};
    if (!arguments_.input_calibration.empty()) {
      const absl::StatusOr<std::vector<std::string>> found =
          PathsByInput(arguments_.input_calibration, configuration());
      if (!found.ok()) return Reason(found.status(), v1::FAILURE_REASON_INVALID_CONFIG);
      paths = *found;
    }
    std::vector<const DataSet*> by_input;
    for (const std::string& path : paths) {
      absl::StatusOr<DataSet> data_set = DataSet::Open(path, {});
      if (!data_set.ok()) return WithReason(data_set.status(), v1::FAILURE_REASON_INVALID_CALIBRATION, path);
      data_sets_.push_back(std::make_unique<DataSet>(*std::move(data_set)));
      by_input.push_back(data_sets_.back().get());
      for (const std::string& note : by_input.back()->notes()) progress_.Warn(note);
    }
    absl::StatusOr<FeedSource> source = arguments_.input_calibration.empty()
                                            ? FeedSource::Create(*by_input[0], configuration())
                                            : FeedSource::Create(by_input, configuration());
    if (!source.ok()) return WithReason(source.status(), v1::FAILURE_REASON_INVALID_CALIBRATION, paths[0]);
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
      const std::string name = PreprocessedName(configuration().inputs(static_cast<int>(i)).name());
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
    std::vector<v1::Target> targets = arguments_.targets;
    for (v1::Target& target : targets) *target.mutable_cut_tensors() = configuration().target().cut_tensors();
    if (targets.empty()) targets.push_back(configuration().target());
    std::vector<NetworkQuantizer*> quantizers;
    for (size_t i = 0; i < targets.size(); ++i) {
      Artifact& artifact = AddArtifact(targets[i], /*is_last=*/i + 1 == targets.size());
      progress_.WriteTo(artifact.report);
      std::vector<std::string> notes;
      absl::StatusOr<NetworkPartitioner> partitioner = NetworkPartitioner::Create(targets[i], notes);
      if (!partitioner.ok()) return WithReason(partitioner.status(), v1::FAILURE_REASON_INVALID_CONFIG);
      artifact.partitioner = *std::move(partitioner);
      for (const std::string& note : notes) progress_.Warn(note);
      artifact.quantizer =
          std::make_unique<NetworkQuantizer>(arguments_, *source_, imported_, artifact.preprocessing,
                                             *artifact.partitioner, progress_, artifact.report, artifact.graph);
      RETURN_IF_ERROR(artifact.quantizer->Plan());
      const auto like = std::find_if(artifacts_.begin(), artifacts_.end() - 1, [&](const auto& earlier) {
        return earlier->like == nullptr && artifact.quantizer->IsLike(*earlier->quantizer);
      });
      if (like != artifacts_.end() - 1) {
        artifact.like = like->get();
        artifact.graph.reset();
      } else {
        quantizers.push_back(artifact.quantizer.get());
      }
    }
    progress_.AddStages(2 * (static_cast<int>(quantizers.size()) - 1));
    progress_.WriteTo(artifacts_.front()->report);
    return NetworkQuantizer::Calibrate(quantizers);
  }

  Artifact& AddArtifact(const v1::Target& target, bool is_last) {
    Artifact& artifact = *artifacts_.emplace_back(std::make_unique<Artifact>());
    artifact.report = report_;
    *artifact.report.mutable_manifest()->mutable_configuration()->mutable_target() = target;
    if (is_last) {
      artifact.graph = std::move(graph_);
      artifact.preprocessing = std::move(preprocessing_);
    } else {
      artifact.graph = std::make_unique<Graph>(graph_->model());
      for (const onnx::NodeProto* node : preprocessing_) {
        artifact.preprocessing.push_back(artifact.graph->Producer(MadeBy(*node)));
      }
    }
    return artifact;
  }

  absl::Status Evaluate(Artifact& artifact) {
    RETURN_IF_ERROR(CompareOutputs(artifact));
    AnalyzePrecision(artifact);
    return absl::OkStatus();
  }

  absl::Status CompareOutputs(Artifact& artifact) {
    const size_t samples = AtMost(*source_, configuration().quantization().evaluated_samples());
    const ExecutorOptions options{.threads = arguments_.threads, .device = arguments_.device};
    ASSIGN_OR_RETURN(const std::unique_ptr<Executor> reference,
                     LoadOnnxRuntime(artifact.quantizer->float_model(), options));
    ASSIGN_OR_RETURN(const std::unique_ptr<Executor> quantized, LoadOnnxRuntime(artifact.graph->model(), options));
    const LoadSampleFunction load = LoadSpread(*source_, samples);
    ModelComparison comparison(*reference, *quantized);
    for (size_t sample = 0; sample < samples; ++sample) {
      ASSIGN_OR_RETURN(const std::vector<Tensor> feed, load(sample));
      RETURN_IF_ERROR(comparison.Add(feed));
      progress_.ReportFraction(static_cast<double>(sample + 1) / static_cast<double>(samples));
    }
    *artifact.report.mutable_manifest()->mutable_precision() = comparison.ToProto();
    return absl::OkStatus();
  }

  // The artifact is right without it, so a model that defies the analysis is no failure.
  void AnalyzePrecision(Artifact& artifact) {
    const LayerAnalysisOptions options{
        .num_samples = (AtMost(*source_, configuration().quantization().evaluated_samples()) + 3) / 4,
        .threads = arguments_.threads,
        .device = arguments_.device,
        .measure_contributions = arguments_.measure_contributions};
    const absl::StatusOr<v1::Precision> layers =
        AnalyzeLayers(artifact.quantizer->rewritten_model(), artifact.graph->model(),
                      LoadSpread(*source_, options.num_samples), options);
    if (!layers.ok()) return progress_.Warn(absl::StrCat("no precision report by layer: ", layers.status().message()));
    v1::Precision& precision = *artifact.report.mutable_manifest()->mutable_precision();
    precision.MergeFrom(*layers);
    for (const v1::AlgorithmGain& gain : artifact.quantizer->gains()) *precision.add_gains() = gain;
    for (const v1::TradeOffPoint& point : artifact.quantizer->trade_off()) *precision.add_trade_off() = point;
    AddAdvice(*artifact.report.mutable_manifest());
  }

  absl::Status Emit() {
    for (const std::unique_ptr<Artifact>& artifact : artifacts_) {
      if (artifact->like != nullptr) TakeFromTwin(*artifact);
    }
    for (const std::unique_ptr<Artifact>& artifact : artifacts_) RETURN_IF_ERROR(WriteArtifact(*artifact));
    if (!arguments_.output_configuration_path.empty()) {
      RETURN_IF_ERROR(base::WriteFileAtomically(arguments_.output_configuration_path,
                                                FormatConfiguration(arguments_.configuration, configuration())));
    }
    for (const std::unique_ptr<Artifact>& artifact : artifacts_) RETURN_IF_ERROR(WriteReports(*artifact));
    return absl::OkStatus();
  }

  static void TakeFromTwin(Artifact& artifact) {
    v1::Target target = artifact.report.manifest().configuration().target();
    const auto warnings = artifact.report.warnings();
    artifact.report = artifact.like->report;
    // Of the target itself there may be other warnings than of its twin.
    for (const std::string& warning : warnings) {
      const auto& known = artifact.report.warnings();
      if (std::find(known.begin(), known.end(), warning) == known.end()) artifact.report.add_warnings(warning);
    }
    *artifact.report.mutable_manifest()->mutable_configuration()->mutable_target() = std::move(target);
    artifact.graph = std::make_unique<Graph>(artifact.like->graph->model());
  }

  std::string PathOf(const std::string& path, const Artifact& artifact) const {
    if (path.empty() || artifacts_.size() == 1) return path;
    return PathForTarget(path, artifact.report.manifest().configuration().target());
  }

  absl::Status WriteArtifact(Artifact& artifact) {
    v1::Manifest& manifest = *artifact.report.mutable_manifest();
    manifest.set_format_version(kJointFormatVersion);
    manifest.set_tool_version(base::kVersion);
    DescribeTensors(*artifact.graph, manifest);
    RETURN_IF_ERROR(Reason(DeployTensors(*artifact.graph, manifest), v1::FAILURE_REASON_INVALID_CONFIG));
    // Of one sample.
    EstimateCost(*artifact.graph, manifest);
    RETURN_IF_ERROR(
        Reason(DeployBatch(*artifact.graph, manifest, arguments_.threads), v1::FAILURE_REASON_INVALID_CONFIG));
    RETURN_IF_ERROR(DescribeNetworkParts(artifact.quantizer->partition(), *artifact.graph, manifest));
    ASSIGN_OR_RETURN(const int64_t artifact_bytes, WriteJoint(PathOf(arguments_.output_path, artifact),
                                                              std::move(*artifact.graph).TakeModel(), manifest));
    artifact.report.set_artifact_bytes(artifact_bytes);
    return absl::OkStatus();
  }

  absl::Status WriteReports(Artifact& artifact) {
    rusage usage{};
    getrusage(RUSAGE_SELF, &usage);
    artifact.report.set_peak_memory_bytes(static_cast<int64_t>(usage.ru_maxrss) * 1024);
    return WriteReportFiles(artifact.report, PathOf(arguments_.report_path, artifact),
                            PathOf(arguments_.html_report_path, artifact));
  }

  // Of a chip that Joinery knows. The artifact is right without it.
  void EstimateCost(const Graph& graph, v1::Manifest& manifest) {
    const absl::StatusOr<ChipMode> target = FindChipMode(manifest.configuration().target());
    if (!target.ok() || target->chip.cpu_only()) return;
    const absl::StatusOr<v1::Cost> cost = EstimateJointModel(graph.model(), target->chip, target->mode);
    if (!cost.ok()) return progress_.Warn(absl::StrCat("no estimate of time and memory: ", cost.status().message()));
    *manifest.mutable_cost() = *cost;
  }

  static absl::Status DescribeNetworkParts(const NetworkPartition& partition, Graph& graph, v1::Manifest& manifest) {
    if (partition.parts.empty()) {
      for (onnx::NodeProto* node : graph.nodes()) SetPart(node, kOnlyPart);
      v1::Part* part = manifest.add_parts();
      part->set_name(kOnlyPart);
      part->set_nodes(graph.proto().node_size());
      return absl::OkStatus();
    }
    ASSIGN_OR_RETURN(const std::vector<v1::Part> parts, DescribeParts(graph.model()));
    for (const v1::Part& part : parts) {
      v1::Part* added = manifest.add_parts();
      *added = part;
      const auto estimated = std::find_if(partition.parts.begin(), partition.parts.end(),
                                          [&](const NetworkPart& known) { return known.name == part.name(); });
      if (estimated != partition.parts.end()) added->set_estimated_seconds(estimated->seconds);
    }
    return absl::OkStatus();
  }

  static void DescribeTensors(const Graph& graph, v1::Manifest& manifest) {
    for (const onnx::ValueInfoProto* input : graph.Inputs()) {
      v1::TensorInfo* info = manifest.add_inputs();
      *info = DescribeTensor(*input);
      for (const v1::InputConfiguration& configured : manifest.configuration().inputs()) {
        if (configured.name() != input->name()) continue;
        info->set_layout(NameOf(configured.layout()));
        if (configured.color_space() > v1::COLOR_SPACE_NONE) {
          info->set_color_space(NameOf(configured.color_space()));
        }
      }
    }
    for (const onnx::ValueInfoProto& output : graph.proto().output()) {
      v1::TensorInfo* info = manifest.add_outputs();
      *info = DescribeTensor(output);
      info->set_layout(OutputLayout(manifest.configuration(), output));
    }
  }

  const v1::BuildConfiguration& configuration() const { return report_.manifest().configuration(); }
  v1::Manifest& manifest() { return *report_.mutable_manifest(); }

  const BuildArguments& arguments_;
  // Until there are artifacts, each of which goes on from it.
  v1::Report report_;
  BuildProgress progress_;
  // As it was given; until the simplified one was compared with it.
  onnx::ModelProto original_;
  std::unique_ptr<Graph> graph_;
  // What the model brought along of scales and quantized weights; usually nothing.
  ImportedQuantization imported_;
  std::vector<const onnx::NodeProto*> preprocessing_;
  // One, or one for each input.
  std::vector<std::unique_ptr<DataSet>> data_sets_;
  std::unique_ptr<FeedSource> source_;
  std::vector<std::unique_ptr<Artifact>> artifacts_;
};

}  // namespace

std::string PathForTarget(const std::string& path, const v1::Target& target) {
  const size_t slash = path.rfind('/');
  const size_t dot = path.rfind('.');
  const bool has_ending = dot != std::string::npos && dot != 0 && (slash == std::string::npos || dot > slash + 1);
  const std::string stem = has_ending ? path.substr(0, dot) : path;
  const std::string mode = target.virtual_npu().empty() ? "" : absl::StrCat(".", target.virtual_npu());
  return absl::StrCat(stem, ".", target.hardware(), mode, has_ending ? path.substr(dot) : "");
}

absl::StatusOr<std::vector<v1::Report>> BuildForTargets(const BuildArguments& arguments, BuildListener& listener) {
  return Builder(arguments, listener).Build();
}

absl::StatusOr<v1::Report> Build(const BuildArguments& arguments, BuildListener& listener) {
  ASSIGN_OR_RETURN(std::vector<v1::Report> reports, BuildForTargets(arguments, listener));
  return std::move(reports.front());
}

}  // namespace joinery::compiler
