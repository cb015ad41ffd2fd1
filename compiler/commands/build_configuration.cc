#include "compiler/commands/build_configuration.h"

#include <filesystem>
#include <optional>
#include <utility>

#include "absl/strings/match.h"
#include "absl/strings/str_cat.h"
#include "base/file.h"
#include "base/status.h"
#include "compiler/calibration/npy.h"
#include "compiler/configuration/model_edits.h"

namespace joinery::compiler {
namespace {

constexpr int64_t kLargestConstant = int64_t{16} << 20;
constexpr char kPulsarGroup[] = "Options of pulsar build";
constexpr char kPulsar2Group[] = "Options of pulsar2 build";

void AddText(CLI::App& command, const std::string& name, const std::string& group, std::optional<std::string>& target,
             const std::string& help) {
  command
      .add_option_function<std::string>(
          name, [&target](const std::string& value) { target = value; }, help)
      ->group(group);
}

void AddNumber(CLI::App& command, const std::string& name, const std::string& group, std::optional<double>& target,
               const std::string& help) {
  command
      .add_option_function<double>(
          name, [&target](double value) { target = value; }, help)
      ->group(group);
}

void AddQuantizationOptions(CLI::App& command, QuantizationOverrides& overrides) {
  const std::string group = "Quantization";
  AddText(command, "--preset", group, overrides.preset, "How much time exactness is worth: fast, balanced, accurate");
  AddText(command, "--calibration-method", group, overrides.calibration_method,
          "How ranges are chosen: min_max, mse, moving_average, percentile, entropy");
  AddNumber(command, "--target-cosine", group, overrides.target_cosine,
            "Give layers 16 bits until every output has this cosine: 0.998");
  AddNumber(command, "--target-sqnr", group, overrides.target_sqnr_db,
            "Give layers 16 bits until every output has this SQNR in dB: 22");
  command
      .add_option("--layer-bits", overrides.layer_bits,
                  "Format of the layers whose whole name matches: PATTERN=8, PATTERN=16, PATTERN=float; repeatable")
      ->group(group);
  command
      .add_option("--cut", overrides.cut_tensors,
                  "Tensor at which the NPU hands over to the CPU; repeatable; default: where it costs the least")
      ->group(group)
      ->allow_extra_args(false);
}

void AddPulsarOptions(CLI::App& command, ConfigurationOptions& options) {
  PulsarOverrides& overrides = options.pulsar;
  AddText(command, "--target_hardware", kPulsarGroup, overrides.target_hardware,
          "AX630, AX620; of pulsar2 AX650, AX620E, M76H, AX615, AX637, AX8860, M57");
  AddText(command, "--virtual_npu", kPulsarGroup, overrides.virtual_npu, "0, 111, 112, 221, 222, 311, 312");
  AddText(command, "--input_tensor_color", kPulsarGroup, overrides.input_tensor_color,
          "Colours the float model expects: auto, rgb, bgr, gray");
  AddText(command, "--output_tensor_color", kPulsarGroup, overrides.output_tensor_color,
          "Colours the .joint takes: auto, rgb, bgr, gray, nv12, nv21");
  AddText(command, "--output_tensor_layout", kPulsarGroup, overrides.output_tensor_layout, "native, nchw, nhwc");
  AddText(command, "--color_std", kPulsarGroup, overrides.color_standard, "legacy, studio, full");
  AddText(command, "--batch_size_option", kPulsarGroup, overrides.batch_size_option,
          "BSO_AUTO, BSO_STATIC, BSO_DYNAMIC");
  command
      .add_option_function<int32_t>(
          "--calibration_batch_size", [&overrides](int32_t value) { overrides.calibration_batch_size = value; },
          "Has no effect on the result")
      ->group(kPulsarGroup);
  command.add_option("--compile_batch_size", overrides.compile_batch_sizes, "Batch sizes of the .joint")
      ->group(kPulsarGroup);
  command.add_option("--output_dir", options.output_dir, "pulsar2: folder of the result; pulsar: not needed")
      ->group(kPulsarGroup);
  command.add_flag("--enable_progress_bar", options.enable_progress_bar, "Progress is shown on a terminal anyway")
      ->group(kPulsarGroup);
}

void AddPulsar2Options(CLI::App& command, ConfigurationOptions& options) {
  for (const Pulsar2Option& known : Pulsar2Options()) {
    CLI::Option* option = command.add_option_function<std::vector<std::string>>(
        "--" + known.path,
        [&options, path = known.path](const std::vector<std::string>& values) { options.pulsar2[path] = values; },
        known.values);
    option->group(kPulsar2Group);
    if (known.is_flag) {
      option->expected(0, 1);
    } else if (!known.is_list) {
      option->expected(1);
    }
  }
}

// The name of an option of `pulsar build` that was given; empty if none was. --target_hardware is both tools'.
std::string PulsarOnlyOption(const PulsarOverrides& overrides) {
  if (overrides.virtual_npu) return "--virtual_npu";
  if (overrides.input_tensor_color) return "--input_tensor_color";
  if (overrides.output_tensor_color) return "--output_tensor_color";
  if (overrides.output_tensor_layout) return "--output_tensor_layout";
  if (overrides.color_standard) return "--color_std";
  if (overrides.batch_size_option) return "--batch_size_option";
  if (overrides.calibration_batch_size) return "--calibration_batch_size";
  return overrides.compile_batch_sizes.empty() ? "" : "--compile_batch_size";
}

absl::Status OtherDialect(absl::string_view option, absl::string_view its_tool, absl::string_view the_tool) {
  return absl::InvalidArgumentError(absl::StrCat(option, ": is an option of `", its_tool,
                                                 " build`, and the configuration is one of `", the_tool, " build`"));
}

absl::StatusOr<Configuration> ReadFile(const ConfigurationOptions& options) {
  if (!options.path.empty()) return ReadConfigurationFile(options.path);
  if (options.is_pulsar2) return v1::pulsar2::BuildConfig();
  // Without a file the options tell whose they are.
  v1::pulsar2::BuildConfig::HardwareType hardware{};
  const bool is_pulsar2_chip = options.pulsar.target_hardware &&
                               v1::pulsar2::BuildConfig::HardwareType_Parse(*options.pulsar.target_hardware, &hardware);
  if (is_pulsar2_chip || !options.pulsar2.empty()) return v1::pulsar2::BuildConfig();
  return v1::pulsar::PulsarConfiguration();
}

absl::Status ApplyPulsar2(const ConfigurationOptions& options, v1::pulsar2::BuildConfig& configuration) {
  const std::string option = PulsarOnlyOption(options.pulsar);
  if (!option.empty()) return OtherDialect(option, "pulsar", "pulsar2");
  Pulsar2Overrides overrides(options.pulsar2.begin(), options.pulsar2.end());
  if (options.pulsar.target_hardware) {
    overrides.push_back({"target_hardware", {*options.pulsar.target_hardware}});
  }
  if (!options.output_dir.empty()) overrides.push_back({"output_dir", {options.output_dir}});
  return ApplyOverrides(overrides, configuration);
}

absl::Status ApplyOptions(const ConfigurationOptions& options, Configuration& configuration) {
  if (auto* pulsar2 = std::get_if<v1::pulsar2::BuildConfig>(&configuration)) {
    RETURN_IF_ERROR(ApplyPulsar2(options, *pulsar2));
  } else {
    if (!options.pulsar2.empty()) return OtherDialect("--" + options.pulsar2.begin()->first, "pulsar2", "pulsar");
    RETURN_IF_ERROR(ApplyOverrides(options.pulsar, std::get<v1::pulsar::PulsarConfiguration>(configuration)));
  }
  return ApplyOverrides(options.quantization, configuration);
}

// How paths in the configuration's file are found: from its folder; those of pulsar2, first, from where one is.
class PathsFromFile {
 public:
  PathsFromFile(const std::string& file, bool is_pulsar2) : file_(file), is_pulsar2_(is_pulsar2) {}

  std::string Find(const std::string& path) const {
    std::error_code ignored;
    if (path.empty() || (is_pulsar2_ && std::filesystem::exists(path, ignored))) return path;
    return (std::filesystem::path(file_).parent_path() / path).string();
  }

  // What the command line says of `path` goes before the file.
  void Complete(std::string& path, const std::string& from_file) const {
    if (path.empty()) path = Find(from_file);
  }

 private:
  const std::string& file_;
  const bool is_pulsar2_;
};

absl::Status ReadArray(absl::string_view bytes, v1::pulsar2::ConstProcessor& processor) {
  ASSIGN_OR_RETURN(const Tensor tensor, ParseNpy(bytes, processor.data_path()));
  processor.clear_data();
  const auto add = [&processor](auto values) {
    for (const auto value : values) processor.add_data(static_cast<double>(value));
  };
  switch (tensor.element_type) {
    case onnx::TensorProto::FLOAT:
      add(tensor.values<float>());
      break;
    case onnx::TensorProto::DOUBLE:
      add(tensor.values<double>());
      break;
    case onnx::TensorProto::INT64:
      add(tensor.values<int64_t>());
      break;
    case onnx::TensorProto::INT32:
      add(tensor.values<int32_t>());
      break;
    default:
      return absl::InvalidArgumentError(
          absl::StrCat(processor.data_path(), ": save the array as float32, float64, int32 or int64"));
  }
  processor.clear_data_path();
  return absl::OkStatus();
}

// What const_processors have in files: the configuration that is used holds no paths.
absl::Status ReadConstants(const PathsFromFile& paths, v1::pulsar2::BuildConfig& configuration) {
  for (v1::pulsar2::ConstProcessor& processor : *configuration.mutable_const_processors()) {
    if (processor.data_path().empty()) continue;
    const std::string path = paths.Find(processor.data_path());
    ASSIGN_OR_RETURN(const std::string bytes, base::ReadFile(path, kLargestConstant));
    const absl::Status status =
        absl::EndsWithIgnoreCase(path, ".npy") ? ReadArray(bytes, processor) : ReadConstant(bytes, processor);
    if (!status.ok()) return base::Annotate(status, "const_processors.data_path");
  }
  return absl::OkStatus();
}

void CompleteCalibration(const PathsFromFile& paths, const ConfiguredFiles& configured, BuildArguments& arguments) {
  if (arguments.calibration_path.empty()) {
    for (const auto& [input, path] : configured.input_calibration) {
      arguments.input_calibration.emplace_back(input, paths.Find(path));
    }
  }
  if (arguments.input_calibration.empty()) paths.Complete(arguments.calibration_path, configured.calibration);
}

// As pulsar2 does, from where one is, and making the folder.
absl::Status CompletePulsar2Output(const ConfiguredFiles& configured, BuildArguments& arguments) {
  if (!arguments.output_path.empty() || configured.output.empty()) return absl::OkStatus();
  arguments.output_path = configured.output;
  std::error_code error;
  std::filesystem::create_directories(std::filesystem::path(configured.output).parent_path(), error);
  if (!error) return absl::OkStatus();
  return absl::InvalidArgumentError(
      absl::StrCat("output_dir: ", configured.output, " cannot be made: ", error.message()));
}

absl::Status CheckComplete(const BuildArguments& arguments, bool is_pulsar2) {
  if (arguments.model_path.empty()) return absl::InvalidArgumentError("no model: give one with --input");
  if (arguments.output_path.empty()) {
    return absl::InvalidArgumentError("no place for the result: give one with --output");
  }
  if (!arguments.calibration_path.empty() || !arguments.input_calibration.empty()) return absl::OkStatus();
  return absl::InvalidArgumentError(
      absl::StrCat("no calibration set: give one with --calibration, or as ",
                   is_pulsar2 ? "quant.input_configs.calibration_dataset" : "dataset_conf_calibration.path",
                   " in the configuration"));
}

}  // namespace

void AddConfigurationOptions(CLI::App& command, ConfigurationOptions& options) {
  command.add_option("--config", options.path, "The configuration: of pulsar (.prototxt) or of pulsar2 (.json, .yaml)");
  AddQuantizationOptions(command, options.quantization);
  AddPulsarOptions(command, options);
  AddPulsar2Options(command, options);
}

absl::Status ReadConfiguration(const ConfigurationOptions& options, BuildArguments& arguments) {
  ASSIGN_OR_RETURN(Configuration configuration, ReadFile(options));
  RETURN_IF_ERROR(ApplyOptions(options, configuration));
  ASSIGN_OR_RETURN(const ConfiguredFiles configured, FilesOf(configuration));
  auto* pulsar2 = std::get_if<v1::pulsar2::BuildConfig>(&configuration);
  const PathsFromFile paths(options.path, pulsar2 != nullptr);
  paths.Complete(arguments.model_path, configured.model);
  CompleteCalibration(paths, configured, arguments);
  if (pulsar2 != nullptr) {
    RETURN_IF_ERROR(ReadConstants(paths, *pulsar2));
    RETURN_IF_ERROR(CompletePulsar2Output(configured, arguments));
  }
  paths.Complete(arguments.output_path, configured.output);
  if (arguments.input_shapes.empty()) arguments.input_shapes = configured.input_shapes;
  RETURN_IF_ERROR(CheckComplete(arguments, pulsar2 != nullptr));
  SetFiles({.model = arguments.model_path,
            .output = arguments.output_path,
            .calibration = arguments.calibration_path,
            .input_calibration = arguments.input_calibration,
            .input_shapes = {}},
           configuration);
  arguments.configuration = std::move(configuration);
  return absl::OkStatus();
}

}  // namespace joinery::compiler
