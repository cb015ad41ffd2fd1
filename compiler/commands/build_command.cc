// joineryc build: a float model becomes a .joint.
#include <unistd.h>

#include <iostream>
#include <memory>
#include <new>
#include <set>
#include <thread>
#include <utility>

#include "absl/strings/str_cat.h"
#include "absl/strings/str_format.h"
#include "absl/strings/str_join.h"
#include "base/status.h"
#include "compiler/build.h"
#include "compiler/commands/build_configuration.h"
#include "compiler/commands/build_listeners.h"
#include "compiler/commands/commands.h"
#include "compiler/commands/device_option.h"
#include "compiler/commands/exit_code.h"
#include "compiler/failure.h"
#include "compiler/target/print_cost.h"
#include "compiler/target/target.h"
#include "compiler/vendor/vendor_binary.h"

namespace joinery::compiler {
namespace {

struct BuildOptions {
  gpu::DeviceChoice device;
  // Without a name: no vendor's tool.
  VendorOptions vendor;
  BuildArguments arguments;
  ConfigurationOptions configuration;
  std::vector<std::string> targets;
  int events_fd = -1;
};

std::string Megabytes(int64_t bytes) { return absl::StrFormat("%.1f MB", static_cast<double>(bytes) / 1e6); }

void PrintVendorBinary(const v1::VendorBinary& binary) {
  if (binary.tool().empty()) return;
  std::cout << absl::StrFormat("%s %s made %s for %s (%s, sha256 %s)\n", binary.tool(), binary.tool_version(),
                               binary.file_name(), binary.hardware(), Megabytes(binary.size_bytes()), binary.sha256());
  for (const v1::OutputPrecision& output : binary.outputs()) {
    std::cout << absl::StrFormat("Its %s against the .joint's: cosine-sim: %.4f  2-norm RE: %.2f%%\n", output.name(),
                                 output.cosine_mean(), 100 * output.relative_error());
  }
}

void PrintReport(const v1::Report& report, const std::string& output_path) {
  const v1::Precision& precision = report.manifest().precision();
  std::cout << absl::StrFormat("Compared with the float model on %d calibration samples:\n", precision.samples());
  for (const v1::OutputPrecision& output : precision.outputs()) {
    std::cout << absl::StrFormat("Layer: %s  2-norm RE: %.2f%%  cosine-sim: %.4f  (least %.4f, SQNR %.2f dB)\n",
                                 output.name(), 100 * output.relative_error(), output.cosine_mean(),
                                 output.cosine_min(), output.sqnr_db());
  }
  for (const v1::Part& part : report.manifest().parts()) {
    if (part.device().empty()) continue;
    const auto names = [](const auto& tensors) {
      return absl::StrJoin(tensors, ", ",
                           [](std::string* out, const v1::TensorInfo& tensor) { out->append(tensor.name()); });
    };
    std::cout << absl::StrFormat("Part %s: %d %s, %s to %s\n", part.name(), part.nodes(),
                                 part.nodes() == 1 ? "node" : "nodes", names(part.inputs()), names(part.outputs()));
  }
  if (report.manifest().has_cost()) {
    std::cout << FormatCostInShort(report.manifest().cost());
  }
  PrintVendorBinary(report.manifest().vendor_binary());
  double seconds = 0;
  for (const v1::StageTime& stage : report.stages()) seconds += stage.seconds();
  std::cout << absl::StrFormat("Took %.2f s and %s of memory\n", seconds, Megabytes(report.peak_memory_bytes()));
  std::cout << absl::StrFormat("File saved: %s (%s, the float model has %s)\n", output_path,
                               Megabytes(report.artifact_bytes()), Megabytes(report.model_bytes()));
}

// "AX630C:NPU1", or "AX630C" for the chip's first mode.
absl::StatusOr<v1::Target> ParseTargetOption(const std::string& text) {
  const absl::StatusOr<ChipMode> found = FindChipMode(SplitChipMode(text));
  if (!found.ok()) return base::Annotate(found.status(), "--target");
  v1::Target target;
  target.set_hardware(found->chip.cpu_only() ? "ONNX_RUNTIME" : found->chip.name());
  target.set_virtual_npu(found->chip.cpu_only() ? "AUTO" : found->mode.name());
  return target;
}

absl::Status ParseTargets(BuildOptions& options) {
  std::set<std::string> seen;
  for (const std::string& text : options.targets) {
    ASSIGN_OR_RETURN(v1::Target target, ParseTargetOption(text));
    if (!seen.insert(PathForTarget("", target)).second) {
      return absl::InvalidArgumentError(absl::StrCat("--target: ", text, " is named twice"));
    }
    options.arguments.targets.push_back(std::move(target));
  }
  return absl::OkStatus();
}

absl::StatusOr<std::vector<v1::Report>> RunBuild(BuildOptions& options, BuildListener& listener) {
  RETURN_IF_ERROR(WithReason(ParseTargets(options), v1::FAILURE_REASON_INVALID_CONFIG));
  RETURN_IF_ERROR(WithReason(ReadConfiguration(options.configuration, options.arguments),
                             v1::FAILURE_REASON_INVALID_CONFIG, options.configuration.path));
  const bool wants_binary = !options.vendor.tool.name.empty();
  if (wants_binary) RETURN_IF_ERROR(CheckVendorTool(options.vendor.tool, options.arguments.configuration));
  // Memory is limited where joineryc is a worker's child; then it ends like this.
  try {
    absl::StatusOr<std::vector<v1::Report>> reports;
    RETURN_IF_ERROR(RunOnChosenDevice(
        options.device,
        [&](Device* device) {
          options.arguments.device = device;
          reports = BuildForTargets(options.arguments, listener);
          return reports.status();
        },
        [&](absl::string_view warning) { listener.OnLog(v1::LOG_LEVEL_WARNING, warning); }));
    if (wants_binary) {
      RETURN_IF_ERROR(AttachVendorBinary(options.vendor, options.arguments, reports->front(), listener));
    }
    return reports;
  } catch (const std::bad_alloc&) {
    return WithReason(absl::ResourceExhaustedError("memory ran out: give the job more, or the model a smaller input"),
                      v1::FAILURE_REASON_OUT_OF_MEMORY);
  }
}

int BuildAndReport(BuildOptions& options) {
  if (options.events_fd >= 0) {
    EventWriter events(options.events_fd);
    const absl::StatusOr<std::vector<v1::Report>> reports = RunBuild(options, events);
    if (reports.ok()) return kExitSuccess;
    events.OnFailure(ToFailure(reports.status()));
    return ExitCodeFor(reports.status());
  }
  ConsoleListener console(isatty(STDERR_FILENO) != 0);
  const absl::StatusOr<std::vector<v1::Report>> reports = RunBuild(options, console);
  if (!reports.ok()) return ReportError(reports.status());
  for (const v1::Report& report : *reports) {
    const v1::Target& target = report.manifest().configuration().target();
    const std::string& path = options.arguments.output_path;
    if (reports->size() > 1) std::cout << "Target " << target.hardware() << ", NPU " << target.virtual_npu() << ":\n";
    PrintReport(report, reports->size() > 1 ? PathForTarget(path, target) : path);
  }
  return kExitSuccess;
}

void AddVendorOptions(CLI::App& command, VendorOptions& vendor) {
  command
      .add_option_function<std::string>(
          "--vendor-tool",
          [&vendor](const std::string& text) {
            const absl::StatusOr<VendorTool> tool = ParseVendorTool(text);
            if (!tool.ok()) throw CLI::ValidationError("--vendor-tool", std::string(tool.status().message()));
            vendor.tool = *tool;
          },
          "Also have the vendor's tool make its binary, and attach it to the .joint")
      ->type_name("NAME=PATH|NAME=docker://IMAGE");
  command
      .add_option_function<std::string>(
          "--vendor-time-limit",
          [&vendor](const std::string& text) {
            if (!absl::ParseDuration(text, &vendor.time_limit) || vendor.time_limit <= absl::ZeroDuration()) {
              throw CLI::ValidationError("--vendor-time-limit", "write 90s, 30m or 2h");
            }
          },
          "How long it may take")
      ->type_name("DURATION [1h]");
}

}  // namespace

void AddBuildCommand(CLI::App& app, bool is_pulsar2, int& exit_code) {
  CLI::App* command = app.add_subcommand("build", "Quantize a float ONNX model to 8 bits and write a .joint");
  auto options = std::make_shared<BuildOptions>();
  BuildArguments& arguments = options->arguments;
  options->configuration.is_pulsar2 = is_pulsar2;
  arguments.threads = static_cast<int>(std::max(1U, std::thread::hardware_concurrency()));
  command->add_option("--input", arguments.model_path, "The float model (.onnx)");
  command->add_option("--output", arguments.output_path, "Where the .joint goes");
  command->add_option(
      "--calibration", arguments.calibration_path,
      "The calibration set, a folder or an archive of jpg, png, npy or bin; default: the configuration's");
  command->add_option("--output_config,--output-config", arguments.output_configuration_path,
                      "Where the complete configuration that was used goes");
  command->add_option("--report", arguments.report_path, "Where the report (JSON) goes");
  command->add_option("--html-report", arguments.html_report_path, "Where the report as a web page goes");
  command
      ->add_option_function<std::string>(
          "--analysis",
          [options](const std::string& value) { options->arguments.measure_contributions = value == "full"; },
          "fast: estimate what each layer contributes to the error; full: measure it, a forward pass for each layer")
      ->check(CLI::IsMember({"fast", "full"}));
  command->add_option("--input-shape,--input_shape", arguments.input_shapes,
                      "Shape for an input that has a dynamic one: NAME:1x3x224x224, or 1x3x224x224 for the only input");
  command->add_option("--threads", arguments.threads, "Threads to use")
      ->capture_default_str()
      ->check(CLI::Range(1, 256));
  AddDeviceOption(*command, options->device);
  command
      ->add_option(
          "--target", options->targets,
          "CHIP or CHIP:MODE to build for, as AX630C:NPU1; repeatable: one calibration, M.CHIP.MODE.joint each")
      ->allow_extra_args(false);
  AddVendorOptions(*command, options->vendor);
  // Its tool makes a binary for what the configuration says.
  command->get_option("--vendor-tool")->excludes("--target");
  command->add_option("--events-fd", options->events_fd, "Write events as JSON lines to this descriptor");
  AddConfigurationOptions(*command, options->configuration);
  command->footer(
      "Examples:\n"
      "  joineryc build --input mobilenetv2.onnx --config config_mobilenetv2.prototxt --calibration calib.tar \\\n"
      "      --output mobilenetv2.joint --output_config out_config_mobilenet_v2.prototxt\n"
      "  joineryc build --input m.onnx --config pulsar2.json --output m.joint --preset accurate\n"
      "  joineryc build --input m.onnx --config pulsar2.json --output m.joint --target-cosine 0.998\n"
      "  joineryc build --input m.onnx --config pulsar2.json --output m.joint --device cuda:0\n"
      "  joineryc build --input m.onnx --config c.prototxt --output m.joint --target AX630C:NPU1 --target AX650N\n"
      "  joineryc build --input m.onnx --config pulsar2.json --output m.joint --vendor-tool pulsar2=/opt/bin/pulsar2\n"
      "  joineryc build --input m.onnx --config c.prototxt --output m.joint \\\n"
      "      --layer-bits 'Conv_(0|12)=16' --layer-bits 'Softmax_.*=float'\n"
      "  pulsar2 build --target_hardware AX620E --input m.onnx --output_dir output --config pulsar2.json \\\n"
      "      --npu_mode NPU2 --quant.calibration_method Percentile");
  command->callback([options, &exit_code] { exit_code = BuildAndReport(*options); });
}

}  // namespace joinery::compiler
