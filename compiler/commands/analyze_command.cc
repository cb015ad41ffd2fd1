// joineryc analyze: where a quantized model loses exactness, whoever quantized it.
#include <algorithm>
#include <iostream>
#include <memory>
#include <string>
#include <thread>
#include <utility>

#include "absl/strings/str_cat.h"
#include "absl/strings/str_join.h"
#include "base/status.h"
#include "base/version.h"
#include "compiler/backend/attach_preprocessing.h"
#include "compiler/backend/joint_file.h"
#include "compiler/calibration/data_set.h"
#include "compiler/calibration/feed_source.h"
#include "compiler/commands/commands.h"
#include "compiler/commands/device_option.h"
#include "compiler/commands/exit_code.h"
#include "compiler/configuration/configuration.h"
#include "compiler/evaluation/advice.h"
#include "compiler/evaluation/compare_models.h"
#include "compiler/evaluation/layer_analysis.h"
#include "compiler/evaluation/print_layers.h"
#include "compiler/evaluation/report_files.h"
#include "compiler/execution/executor.h"
#include "compiler/failure.h"
#include "compiler/frontend/import_model.h"
#include "compiler/frontend/load_model.h"
#include "compiler/frontend/simplify.h"
#include "compiler/model_inputs.h"

namespace joinery::compiler {
namespace {

struct AnalyzeOptions {
  gpu::DeviceChoice device;
  std::string float_path;
  std::string quantized_path;
  std::string calibration_path;
  std::string configuration_path;
  std::string html_path;
  std::string report_path;
  size_t samples = 16;
  int threads = 1;
  int layers = 20;
  bool is_full = false;
};

// The two models with the same, deployed inputs.
struct Models {
  onnx::ModelProto reference;
  onnx::ModelProto quantized;
  v1::Report report;
};

absl::StatusOr<v1::BuildConfiguration> Configure(const AnalyzeOptions& options, Graph& reference) {
  Configuration configuration;
  if (!options.configuration_path.empty()) {
    ASSIGN_OR_RETURN(configuration, ReadConfigurationFile(options.configuration_path));
  }
  ASSIGN_OR_RETURN(Translation translation, TranslateConfiguration(configuration, ModelInputsOf(reference)));
  for (const std::string& warning : translation.warnings) std::cerr << "warning: " << warning << "\n";
  return std::move(translation.configuration);
}

absl::StatusOr<Graph> ImportFrom(const std::string& path, onnx::ModelProto model,
                                 const v1::BuildConfiguration* configuration) {
  ImportOptions import;
  for (int i = 0; configuration != nullptr && i < configuration->inputs_size(); ++i) {
    const v1::InputConfiguration& input = configuration->inputs(i);
    import.input_shapes.push_back(absl::StrCat(input.name(), ":", absl::StrJoin(input.model_shape(), "x")));
  }
  absl::StatusOr<Imported> imported = ImportModel(std::move(model), import);
  if (!imported.ok())
    return WithReason(base::Annotate(imported.status(), path), v1::FAILURE_REASON_INVALID_MODEL, path);
  return std::move(imported->graph);
}

// Gives dynamic inputs the shapes that those of the same names have in `from`.
void CopyInputTypes(const onnx::GraphProto& from, onnx::GraphProto& to) {
  for (onnx::ValueInfoProto& input : *to.mutable_input()) {
    for (const onnx::ValueInfoProto& known : from.input()) {
      if (known.name() == input.name()) *input.mutable_type() = known.type();
    }
  }
  // What it says of other tensors may be dynamic still.
  to.clear_value_info();
}

absl::StatusOr<Models> LoadModels(const AnalyzeOptions& options) {
  Models models;
  ASSIGN_OR_RETURN(onnx::ModelProto quantized, LoadModel(options.quantized_path, ModelLimits()));
  ASSIGN_OR_RETURN(onnx::ModelProto reference, LoadModel(options.float_path, ModelLimits()));
  v1::Manifest& manifest = *models.report.mutable_manifest();
  const bool is_joint = HasManifest(quantized);
  if (is_joint) {
    ASSIGN_OR_RETURN(manifest, ReadManifest(quantized, options.quantized_path));
  }
  ASSIGN_OR_RETURN(Graph graph, ImportFrom(options.float_path, std::move(reference),
                                           is_joint ? &manifest.configuration() : nullptr));
  RETURN_IF_ERROR(Simplify(graph).status());
  if (is_joint) {
    if (manifest.configuration().quantization().cross_layer_equalization()) {
      std::cerr << "warning: " << options.quantized_path
                << " was built with cross-layer equalization: figures of tensors whose channels it rescaled are of no "
                   "use; those in its manifest (joineryc info --json) are right\n";
    }
    models.quantized = std::move(quantized);
  } else {
    ASSIGN_OR_RETURN(*manifest.mutable_configuration(), Configure(options, graph));
    // Not imported: that would take its quantization out.
    CopyInputTypes(graph.proto(), *quantized.mutable_graph());
    Graph other(std::move(quantized));
    RETURN_IF_ERROR(AttachPreprocessing(other, manifest.configuration()).status());
    RETURN_IF_ERROR(other.SortTopologically());
    models.quantized = std::move(other).TakeModel();
  }
  RETURN_IF_ERROR(AttachPreprocessing(graph, manifest.configuration()).status());
  models.reference = std::move(graph).TakeModel();
  return models;
}

absl::Status Compare(const ExecutorOptions& execution, Models& models, const FeedSource& source, size_t samples) {
  ASSIGN_OR_RETURN(const std::unique_ptr<Executor> reference, LoadOnnxRuntime(models.reference, execution));
  ASSIGN_OR_RETURN(const std::unique_ptr<Executor> quantized, LoadOnnxRuntime(models.quantized, execution));
  ModelComparison comparison(*reference, *quantized);
  for (size_t sample = 0; sample < samples; ++sample) {
    ASSIGN_OR_RETURN(const std::vector<Tensor> feed, source.Load(sample));
    RETURN_IF_ERROR(comparison.Add(feed));
  }
  *models.report.mutable_manifest()->mutable_precision() = comparison.ToProto();
  return absl::OkStatus();
}

absl::StatusOr<v1::Report> Analyze(const AnalyzeOptions& options, Device* device) {
  ASSIGN_OR_RETURN(Models models, LoadModels(options));
  v1::Manifest& manifest = *models.report.mutable_manifest();
  absl::StatusOr<DataSet> data_set = DataSet::Open(options.calibration_path, {});
  if (!data_set.ok()) {
    return WithReason(data_set.status(), v1::FAILURE_REASON_INVALID_CALIBRATION, options.calibration_path);
  }
  absl::StatusOr<FeedSource> source = FeedSource::Create(*data_set, manifest.configuration());
  if (!source.ok()) {
    return WithReason(source.status(), v1::FAILURE_REASON_INVALID_CALIBRATION, options.calibration_path);
  }
  const size_t samples = std::min(options.samples, source->size());
  RETURN_IF_ERROR(Compare({.threads = options.threads, .device = device}, models, *source, samples));
  ASSIGN_OR_RETURN(const v1::Precision layers, AnalyzeLayers(models.reference, models.quantized,
                                                             [&](size_t sample) { return source->Load(sample); },
                                                             {.num_samples = samples,
                                                              .threads = options.threads,
                                                              .device = device,
                                                              .measure_contributions = options.is_full}));
  manifest.mutable_precision()->MergeFrom(layers);
  AddAdvice(manifest);
  return std::move(models.report);
}

absl::Status AnalyzeAndWrite(const AnalyzeOptions& options) {
  v1::Report report;
  RETURN_IF_ERROR(RunOnChosenDevice(options.device, [&](Device* device) -> absl::Status {
    ASSIGN_OR_RETURN(report, Analyze(options, device));
    report.set_device(device == nullptr ? "cpu" : device->name());
    return absl::OkStatus();
  }));
  RETURN_IF_ERROR(WriteReportFiles(report, options.report_path, options.html_path));
  std::cout << FormatLayers(report.manifest().precision(), options.layers);
  return absl::OkStatus();
}

}  // namespace

void AddAnalyzeCommand(CLI::App& app, int& exit_code) {
  CLI::App* command = app.add_subcommand("analyze", "Say where a quantized model loses exactness, layer by layer");
  auto options = std::make_shared<AnalyzeOptions>();
  options->threads = static_cast<int>(std::max(1U, std::thread::hardware_concurrency()));
  command->add_option("float_model", options->float_path, "The float model (.onnx)")->required();
  command
      ->add_option("quantized_model", options->quantized_path,
                   "A .joint, or any ONNX model with QuantizeLinear and DequantizeLinear made from the float model")
      ->required();
  command
      ->add_option("--calibration", options->calibration_path,
                   "Samples: a folder or an archive of jpg, png, npy or bin")
      ->required();
  command->add_option("--config", options->configuration_path,
                      "How samples become inputs, where the quantized model is no .joint (.prototxt)");
  command->add_option("--samples", options->samples, "Use at most so many samples, the first in name order")
      ->capture_default_str()
      ->check(CLI::Range(1, 100000));
  command->add_option("--threads", options->threads, "Threads to use")
      ->capture_default_str()
      ->check(CLI::Range(1, 256));
  AddDeviceOption(*command, options->device);
  command->add_option("--layers", options->layers, "Print so many layers")->capture_default_str();
  command
      ->add_option_function<std::string>(
          "--analysis", [options](const std::string& value) { options->is_full = value == "full"; },
          "fast: estimate what each layer contributes; full: measure it, a forward pass for each layer and sample")
      ->check(CLI::IsMember({"fast", "full"}));
  command->add_option("--html-report,--html", options->html_path, "Where the report as a web page goes");
  command->add_option("--report", options->report_path, "Where the report (JSON) goes");
  command->footer(
      "Example:\n  joineryc analyze mobilenetv2.onnx mobilenetv2.joint --calibration calib.tar --html-report r.html");
  command->callback([options, &exit_code] {
    const absl::Status status = AnalyzeAndWrite(*options);
    exit_code = status.ok() ? kExitSuccess : ReportError(status);
  });
}

}  // namespace joinery::compiler
