#include "compiler/build.h"

#include <sys/resource.h>

#include <algorithm>
#include <map>
#include <memory>
#include <unordered_set>
#include <utility>

#include "absl/strings/str_cat.h"
#include "absl/strings/str_format.h"
#include "base/digest.h"
#include "base/file.h"
#include "base/status.h"
#include "base/version.h"
#include "compiler/backend/attach_preprocessing.h"
#include "compiler/backend/joint_file.h"
#include "compiler/build_progress.h"
#include "compiler/calibration/data_set.h"
#include "compiler/calibration/feed_source.h"
#include "compiler/calibration/observe.h"
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
#include "compiler/network_quantizer.h"
#include "compiler/target/estimate_model.h"
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

class Builder {
 public:
  Builder(const BuildArguments& arguments, BuildListener& listener)
      : arguments_(arguments), progress_(listener, report_, kStages) {
    report_.set_device(arguments.device == nullptr ? "cpu" : arguments.device->name());
  }

  absl::StatusOr<v1::Report> Build() {
    RETURN_IF_ERROR(progress_.Stage("import", [this] { return Import(); }));
    // Beyond this point: opset 13 or later, all shapes known, one configuration in Joinery's own words.
    RETURN_IF_ERROR(progress_.Stage("simplify", [this] { return SimplifyGraph(); }));
    // Beyond this point: no constant expression, no BatchNormalization behind a convolution; the inputs are the
    // deployed ones, with the preprocessing in the graph.
    RETURN_IF_ERROR(progress_.Stage("calibrate", [this] { return StartQuantizer().Calibrate(); }));
    RETURN_IF_ERROR(progress_.Stage("quantize", [this] { return quantizer_->Quantize(); }));
    // Beyond this point: the graph is the artifact's.
    RETURN_IF_ERROR(progress_.Stage("evaluate", [this] { return Evaluate(); }));
    RETURN_IF_ERROR(progress_.Stage("emit", [this] { return Emit(); }));
    return std::move(report_);
  }

 private:
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

  absl::Status Configure() {
    std::vector<ModelInput> inputs;
    for (const onnx::ValueInfoProto* input : graph_->Inputs()) {
      inputs.push_back({input->name(), graph_->ElementType(input->name()), *graph_->Shape(input->name())});
    }
    absl::StatusOr<Translation> translation = TranslateConfiguration(arguments_.configuration, inputs);
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
    absl::StatusOr<std::vector<const onnx::NodeProto*>> added = AttachPreprocessing(*graph_, configuration());
    if (!added.ok()) return Reason(added.status(), v1::FAILURE_REASON_INVALID_CONFIG);
    preprocessing_ = *std::move(added);
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
    absl::StatusOr<DataSet> data_set = DataSet::Open(arguments_.calibration_path, {});
    if (!data_set.ok()) {
      return WithReason(data_set.status(), v1::FAILURE_REASON_INVALID_CALIBRATION, arguments_.calibration_path);
    }
    data_set_ = std::make_unique<DataSet>(*std::move(data_set));
    for (const std::string& note : data_set_->notes()) progress_.Warn(note);
    absl::StatusOr<FeedSource> source = FeedSource::Create(*data_set_, configuration());
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

  NetworkQuantizer& StartQuantizer() {
    quantizer_ =
        std::make_unique<NetworkQuantizer>(arguments_, *source_, imported_, preprocessing_, progress_, report_, graph_);
    return *quantizer_;
  }

  absl::Status Evaluate() {
    RETURN_IF_ERROR(CompareOutputs());
    AnalyzePrecision();
    return absl::OkStatus();
  }

  absl::Status CompareOutputs() {
    const size_t samples = AtMost(*source_, configuration().quantization().evaluated_samples());
    const ExecutorOptions options{.threads = arguments_.threads, .device = arguments_.device};
    ASSIGN_OR_RETURN(const std::unique_ptr<Executor> reference, LoadOnnxRuntime(quantizer_->float_model(), options));
    ASSIGN_OR_RETURN(const std::unique_ptr<Executor> quantized, LoadOnnxRuntime(graph_->model(), options));
    const LoadSampleFunction load = LoadSpread(*source_, samples);
    ModelComparison comparison(*reference, *quantized);
    for (size_t sample = 0; sample < samples; ++sample) {
      ASSIGN_OR_RETURN(const std::vector<Tensor> feed, load(sample));
      RETURN_IF_ERROR(comparison.Add(feed));
      progress_.ReportFraction(static_cast<double>(sample + 1) / static_cast<double>(samples));
    }
    *manifest().mutable_precision() = comparison.ToProto();
    return absl::OkStatus();
  }

  // The artifact is right without it, so a model that defies the analysis is no failure.
  void AnalyzePrecision() {
    const LayerAnalysisOptions options{
        .num_samples = (AtMost(*source_, configuration().quantization().evaluated_samples()) + 3) / 4,
        .threads = arguments_.threads,
        .device = arguments_.device,
        .measure_contributions = arguments_.measure_contributions};
    const absl::StatusOr<v1::Precision> layers = AnalyzeLayers(quantizer_->rewritten_model(), graph_->model(),
                                                               LoadSpread(*source_, options.num_samples), options);
    if (!layers.ok()) return progress_.Warn(absl::StrCat("no precision report by layer: ", layers.status().message()));
    manifest().mutable_precision()->MergeFrom(*layers);
    for (const v1::AlgorithmGain& gain : quantizer_->gains()) *manifest().mutable_precision()->add_gains() = gain;
    for (const v1::TradeOffPoint& point : quantizer_->trade_off())
      *manifest().mutable_precision()->add_trade_off() = point;
    AddAdvice(manifest());
  }

  absl::Status Emit() {
    manifest().set_format_version(kJointFormatVersion);
    manifest().set_tool_version(base::kVersion);
    AssignParts();
    DescribeTensors();
    EstimateCost();
    ASSIGN_OR_RETURN(const int64_t artifact_bytes,
                     WriteJoint(arguments_.output_path, std::move(*graph_).TakeModel(), manifest()));
    report_.set_artifact_bytes(artifact_bytes);
    if (!arguments_.output_configuration_path.empty()) {
      RETURN_IF_ERROR(base::WriteFileAtomically(arguments_.output_configuration_path,
                                                FormatConfiguration(arguments_.configuration, configuration())));
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

  // Of a chip that Joinery knows. The artifact is right without it.
  void EstimateCost() {
    const absl::StatusOr<v1::TargetDescription> target = FindTarget(configuration().target().hardware());
    if (!target.ok() || target->cpu_only()) return;
    const absl::StatusOr<v1::NpuMode> mode = FindMode(*target, configuration().target().virtual_npu());
    if (!mode.ok()) return;
    const absl::StatusOr<v1::Cost> cost = EstimateJointModel(graph_->model(), *target, *mode);
    if (!cost.ok()) return progress_.Warn(absl::StrCat("no estimate of time and memory: ", cost.status().message()));
    *manifest().mutable_cost() = *cost;
  }

  // 8-bit nodes run on the NPU, the others on the CPU; without a chip all do on the CPU.
  void AssignParts() {
    std::unordered_set<const onnx::NodeProto*> on_npu;
    if (configuration().target().hardware() != "ONNX_RUNTIME") {
      on_npu.insert(quantizer_->plan().quantized_nodes.begin(), quantizer_->plan().quantized_nodes.end());
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
      for (const v1::InputConfiguration& configured : configuration().inputs()) {
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

  const v1::BuildConfiguration& configuration() const { return report_.manifest().configuration(); }
  v1::Manifest& manifest() { return *report_.mutable_manifest(); }

  const BuildArguments& arguments_;
  v1::Report report_;
  BuildProgress progress_;
  // As it was given; until the simplified one was compared with it.
  onnx::ModelProto original_;
  std::unique_ptr<Graph> graph_;
  // What the model brought along of scales and quantized weights; usually nothing.
  ImportedQuantization imported_;
  std::vector<const onnx::NodeProto*> preprocessing_;
  std::unique_ptr<DataSet> data_set_;
  std::unique_ptr<FeedSource> source_;
  std::unique_ptr<NetworkQuantizer> quantizer_;
};

}  // namespace

absl::StatusOr<v1::Report> Build(const BuildArguments& arguments, BuildListener& listener) {
  return Builder(arguments, listener).Build();
}

}  // namespace joinery::compiler
