// joineryc build: a float model becomes a .joint.
#include <unistd.h>

#include <filesystem>
#include <iostream>
#include <memory>
#include <new>
#include <thread>
#include <utility>

#include "absl/strings/str_cat.h"
#include "absl/strings/str_format.h"
#include "base/file.h"
#include "base/status.h"
#include "compiler/build.h"
#include "compiler/commands/build_listeners.h"
#include "compiler/commands/commands.h"
#include "compiler/commands/exit_code.h"
#include "compiler/configuration/pulsar_prototxt.h"
#include "compiler/failure.h"

namespace joinery::compiler {
namespace {

constexpr int64_t kLargestConfiguration = int64_t{1} << 20;

struct BuildOptions {
  BuildArguments arguments;
  std::string configuration_path;
  PulsarOverrides overrides;
  // Taken because the vendor's tool takes them; Joinery needs neither.
  bool enable_progress_bar = false;
  std::string output_dir;
  int events_fd = -1;
};

// Paths in a configuration are relative to its folder.
std::string RelativeTo(const std::string& file, const std::string& path) {
  if (path.empty()) return "";
  return (std::filesystem::path(file).parent_path() / path).string();
}

// Completes the arguments by what the configuration says; the command line comes first.
absl::Status ReadConfiguration(BuildOptions& options) {
  BuildArguments& arguments = options.arguments;
  v1::pulsar::PulsarConfiguration& configuration = arguments.configuration;
  if (!options.configuration_path.empty()) {
    ASSIGN_OR_RETURN(const std::string text, base::ReadFile(options.configuration_path, kLargestConfiguration));
    ASSIGN_OR_RETURN(configuration, ParsePulsarPrototxt(text, options.configuration_path));
  }
  RETURN_IF_ERROR(ApplyOverrides(options.overrides, configuration));
  const auto complete = [&](std::string& path, const std::string& configured) {
    if (path.empty()) path = RelativeTo(options.configuration_path, configured);
  };
  complete(arguments.model_path, configuration.input_path());
  complete(arguments.output_path, configuration.output_path());
  complete(arguments.calibration_path, configuration.neuwizard_conf().dataset_conf_calibration().path());
  if (arguments.model_path.empty()) return absl::InvalidArgumentError("no model: give one with --input");
  if (arguments.output_path.empty())
    return absl::InvalidArgumentError("no place for the result: give one with --output");
  if (arguments.calibration_path.empty()) {
    return absl::InvalidArgumentError(
        "no calibration set: give one with --calibration, or as dataset_conf_calibration.path in the configuration");
  }
  configuration.set_input_path(arguments.model_path);
  configuration.set_output_path(arguments.output_path);
  configuration.mutable_neuwizard_conf()->mutable_dataset_conf_calibration()->set_path(arguments.calibration_path);
  return absl::OkStatus();
}

std::string Megabytes(int64_t bytes) { return absl::StrFormat("%.1f MB", static_cast<double>(bytes) / 1e6); }

void PrintReport(const v1::Report& report, const std::string& output_path) {
  const v1::Precision& precision = report.manifest().precision();
  std::cout << absl::StrFormat("Compared with the float model on %d calibration samples:\n", precision.samples());
  for (const v1::OutputPrecision& output : precision.outputs()) {
    std::cout << absl::StrFormat("Layer: %s  2-norm RE: %.2f%%  cosine-sim: %.4f  (least %.4f, SQNR %.2f dB)\n",
                                 output.name(), 100 * output.relative_error(), output.cosine_mean(),
                                 output.cosine_min(), output.sqnr_db());
  }
  double seconds = 0;
  for (const v1::StageTime& stage : report.stages()) seconds += stage.seconds();
  std::cout << absl::StrFormat("Took %.2f s and %s of memory\n", seconds, Megabytes(report.peak_memory_bytes()));
  std::cout << absl::StrFormat("File saved: %s (%s, the float model has %s)\n", output_path,
                               Megabytes(report.artifact_bytes()), Megabytes(report.model_bytes()));
}

absl::StatusOr<v1::Report> RunBuild(BuildOptions& options, BuildListener& listener) {
  RETURN_IF_ERROR(
      WithReason(ReadConfiguration(options), v1::FAILURE_REASON_INVALID_CONFIG, options.configuration_path));
  // Memory is limited where joineryc is a worker's child; then it ends like this.
  try {
    return Build(options.arguments, listener);
  } catch (const std::bad_alloc&) {
    return WithReason(absl::ResourceExhaustedError("memory ran out: give the job more, or the model a smaller input"),
                      v1::FAILURE_REASON_OUT_OF_MEMORY);
  }
}

int BuildAndReport(BuildOptions& options) {
  if (options.events_fd >= 0) {
    EventWriter events(options.events_fd);
    const absl::StatusOr<v1::Report> report = RunBuild(options, events);
    if (report.ok()) return kExitSuccess;
    events.OnFailure(ToFailure(report.status()));
    return ExitCodeFor(report.status());
  }
  ConsoleListener console(isatty(STDERR_FILENO) != 0);
  const absl::StatusOr<v1::Report> report = RunBuild(options, console);
  if (!report.ok()) return ReportError(report.status());
  PrintReport(*report, options.arguments.output_path);
  return kExitSuccess;
}

}  // namespace

void AddBuildCommand(CLI::App& app, int& exit_code) {
  CLI::App* command = app.add_subcommand("build", "Quantize a float ONNX model to 8 bits and write a .joint");
  auto options = std::make_shared<BuildOptions>();
  BuildArguments& arguments = options->arguments;
  PulsarOverrides& overrides = options->overrides;
  arguments.threads = static_cast<int>(std::max(1U, std::thread::hardware_concurrency()));
  command->add_option("--input", arguments.model_path, "The float model (.onnx)");
  command->add_option("--output", arguments.output_path, "Where the .joint goes");
  command->add_option("--config", options->configuration_path, "The configuration (.prototxt)");
  command->add_option("--calibration", arguments.calibration_path,
                      "The calibration set, a folder or an archive of jpg, png or npy; default: the configuration's");
  command->add_option("--output_config,--output-config", arguments.output_configuration_path,
                      "Where the complete configuration that was used goes");
  command->add_option("--report", arguments.report_path, "Where the report (JSON) goes");
  command->add_option("--html-report", arguments.html_report_path, "Where the report as a web page goes");
  command
      ->add_option_function<std::string>(
          "--analysis", [options](const std::string& value) { options->arguments.measure_contributions = value == "full"; },
          "fast: estimate what each layer contributes to the error; full: measure it, a forward pass for each layer")
      ->check(CLI::IsMember({"fast", "full"}));
  command->add_option("--input-shape,--input_shape", arguments.input_shapes,
                      "Shape for an input that has a dynamic one: NAME:1x3x224x224, or 1x3x224x224 for the only input");
  command->add_option("--threads", arguments.threads, "Threads to use")
      ->capture_default_str()
      ->check(CLI::Range(1, 256));
  command->add_option("--events-fd", options->events_fd, "Write events as JSON lines to this descriptor");
  const auto text = [&](const std::string& name, std::optional<std::string>& target, const std::string& help) {
    command
        ->add_option_function<std::string>(
            name, [&target](const std::string& value) { target = value; }, help)
        ->group("Options of pulsar build");
  };
  text("--target_hardware", overrides.target_hardware, "AX630, AX620");
  text("--virtual_npu", overrides.virtual_npu, "0, 111, 112, 221, 222, 311, 312");
  text("--input_tensor_color", overrides.input_tensor_color, "Colours the float model expects: auto, rgb, bgr, gray");
  text("--output_tensor_color", overrides.output_tensor_color, "Colours the .joint takes: auto, rgb, bgr, gray");
  text("--output_tensor_layout", overrides.output_tensor_layout, "native, nchw, nhwc");
  text("--color_std", overrides.color_standard, "legacy, studio, full");
  text("--batch_size_option", overrides.batch_size_option, "BSO_AUTO, BSO_STATIC, BSO_DYNAMIC");
  command
      ->add_option_function<int32_t>(
          "--calibration_batch_size", [options](int32_t value) { options->overrides.calibration_batch_size = value; },
          "Has no effect on the result")
      ->group("Options of pulsar build");
  command->add_option("--compile_batch_size", overrides.compile_batch_sizes, "Batch sizes of the .joint")
      ->group("Options of pulsar build");
  command->add_option("--output_dir", options->output_dir, "Work folder; not needed")->group("Options of pulsar build");
  command->add_flag("--enable_progress_bar", options->enable_progress_bar, "Progress is shown on a terminal anyway")
      ->group("Options of pulsar build");
  command->footer(
      "Example:\n  joineryc build --input mobilenetv2.onnx --config config_mobilenetv2.prototxt --calibration "
      "calib.tar "
      "\\\n      --output mobilenetv2.joint --output_config out_config_mobilenet_v2.prototxt");
  command->callback([options, &exit_code] { exit_code = BuildAndReport(*options); });
}

}  // namespace joinery::compiler
