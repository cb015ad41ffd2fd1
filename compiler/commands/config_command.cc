// joineryc config: configurations made, checked, and translated from one dialect to another.
#include <filesystem>
#include <iostream>
#include <memory>
#include <utility>

#include "absl/strings/match.h"
#include "absl/strings/str_cat.h"
#include "absl/strings/str_join.h"
#include "base/file.h"
#include "base/status.h"
#include "compiler/commands/commands.h"
#include "compiler/commands/config_template.h"
#include "compiler/commands/exit_code.h"
#include "compiler/configuration/convert.h"
#include "compiler/configuration/enum_names.h"
#include "compiler/failure.h"
#include "compiler/frontend/edit_model.h"
#include "compiler/frontend/import_model.h"
#include "compiler/frontend/load_model.h"
#include "compiler/model_inputs.h"

namespace joinery::compiler {
namespace {

struct ConfigOptions {
  std::string file;
  std::string model;
  std::string dialect = "pulsar";
  std::string target;
  std::string calibration = "calibration.tar";
  std::string output;
  std::vector<std::string> input_shapes;
};

absl::StatusOr<std::vector<ModelInput>> InputsOf(const std::string& path, const std::vector<std::string>& input_shapes,
                                                 const v1::ModelEdits& edits) {
  ImportOptions options;
  options.input_shapes = input_shapes;
  ASSIGN_OR_RETURN(onnx::ModelProto model, LoadModel(path, options.limits));
  RETURN_IF_ERROR(EditModel(edits, model));
  ASSIGN_OR_RETURN(Imported imported, ImportModel(std::move(model), options));
  return ModelInputsOf(imported.graph);
}

absl::Status WriteResult(const std::string& text, const std::string& path) {
  if (!path.empty()) return base::WriteFileAtomically(path, text);
  std::cout << text;
  return absl::OkStatus();
}

void PrintWarnings(const std::vector<std::string>& warnings) {
  for (const std::string& warning : warnings) std::cerr << "warning: " << warning << "\n";
}

struct Source {
  Configuration configuration;
  std::vector<ModelInput> inputs;
};

// The configuration, and the inputs of the model that is given or, failing that, that it names and that is there.
absl::StatusOr<Source> ReadSource(const ConfigOptions& options) {
  Source source;
  ASSIGN_OR_RETURN(source.configuration, ReadConfigurationFile(options.file));
  ASSIGN_OR_RETURN(const ConfiguredFiles files, FilesOf(source.configuration));
  std::string model = options.model;
  if (model.empty() && !files.model.empty()) {
    std::error_code ignored;
    const std::filesystem::path named = std::filesystem::path(options.file).parent_path() / files.model;
    if (std::filesystem::exists(named, ignored)) model = named.string();
  }
  if (model.empty()) {
    source.inputs = AssumedInputs(source.configuration);
    PrintWarnings(
        {"no model was given (--model): its inputs are taken for pictures of 3 channels, or 1 where they are GRAY"});
    return source;
  }
  ASSIGN_OR_RETURN(const v1::ModelEdits edits, ModelEditsOf(source.configuration));
  const std::vector<std::string>& shapes = options.input_shapes.empty() ? files.input_shapes : options.input_shapes;
  ASSIGN_OR_RETURN(source.inputs, InputsOf(model, shapes, edits));
  return source;
}

absl::Status Convert(const ConfigOptions& options) {
  ASSIGN_OR_RETURN(const Dialect to, ParseDialect(options.dialect));
  ASSIGN_OR_RETURN(const Source source, ReadSource(options));
  ASSIGN_OR_RETURN(const Converted converted, ConvertConfiguration(source.configuration, source.inputs, to));
  PrintWarnings(converted.warnings);
  return WriteResult(converted.text, options.output);
}

absl::Status Check(const ConfigOptions& options) {
  ASSIGN_OR_RETURN(const Source source, ReadSource(options));
  ASSIGN_OR_RETURN(const Translation translation, TranslateConfiguration(source.configuration, source.inputs));
  PrintWarnings(translation.warnings);
  const v1::Target& target = translation.configuration.target();
  std::cout << options.file << ": for " << target.hardware() << ", virtual NPU " << target.virtual_npu() << "\n";
  for (const v1::InputConfiguration& input : translation.configuration.inputs()) {
    std::cout << "input " << input.name() << ": " << NameOf(input.element_type()) << ", " << NameOf(input.layout())
              << ", " << NameOf(input.color_space()) << "\n";
  }
  return absl::OkStatus();
}

// A path as it is found from the folder of `file`.
std::string SeenFrom(const std::string& file, const std::string& path) {
  if (file.empty() || path.empty()) return path;
  std::error_code error;
  const std::filesystem::path folder = std::filesystem::absolute(file, error).parent_path();
  const std::filesystem::path seen = std::filesystem::absolute(path, error).lexically_relative(folder);
  return error || seen.empty() ? path : seen.string();
}

absl::Status New(const ConfigOptions& options) {
  ASSIGN_OR_RETURN(const Dialect dialect, ParseDialect(options.dialect));
  ASSIGN_OR_RETURN(const std::vector<ModelInput> inputs, InputsOf(options.model, options.input_shapes, {}));
  ASSIGN_OR_RETURN(const std::string text, WriteTemplate({.model = SeenFrom(options.output, options.model),
                                                          .calibration = SeenFrom(options.output, options.calibration),
                                                          .target = options.target,
                                                          .dialect = dialect,
                                                          .input_shapes = options.input_shapes},
                                                         inputs));
  return WriteResult(text, options.output);
}

int Report(const absl::Status& status, v1::FailureReason reason) {
  if (status.ok()) return kExitSuccess;
  const bool is_the_users =
      absl::IsInvalidArgument(status) || absl::IsNotFound(status) || absl::IsUnimplemented(status);
  return ReportError(is_the_users ? WithReason(status, reason) : status);
}

void AddShared(CLI::App& command, ConfigOptions& options) {
  command.add_option("--input-shape,--input_shape", options.input_shapes,
                     "Shape for an input that has a dynamic one: NAME:1x3x224x224");
}

}  // namespace

void AddConfigCommand(CLI::App& app, int& exit_code) {
  CLI::App* command = app.add_subcommand("config", "Begin, check or translate a configuration");
  command->require_subcommand(1);
  command->footer(
      "Examples:\n  joineryc config new mobilenetv2.onnx --target AX620 -o config.prototxt\n"
      "  joineryc config check config.prototxt mobilenetv2.onnx\n"
      "  joineryc config convert config.prototxt --to pulsar2 --model mobilenetv2.onnx -o pulsar2.json");
  auto options = std::make_shared<ConfigOptions>();

  CLI::App* convert = command->add_subcommand("convert", "Translate a configuration to another dialect");
  convert->add_option("file", options->file, "The configuration, in any dialect")->required();
  convert->add_option("--to", options->dialect, "pulsar, pulsar2, joinery")->required();
  convert->add_option("--model", options->model, "The float model; default: the configuration's, where it is there");
  convert->add_option("-o,--output", options->output, "Where the result goes; default: standard output");
  AddShared(*convert, *options);
  convert->footer(
      "What the other dialect cannot say is warned of, and stands in joinery_conf. The meaning for Joinery does "
      "not change.\nExample:\n  joineryc config convert config.prototxt --to pulsar2 --model m.onnx -o m.json");
  convert->callback(
      [options, &exit_code] { exit_code = Report(Convert(*options), v1::FAILURE_REASON_INVALID_CONFIG); });

  CLI::App* check = command->add_subcommand("check", "Say what a configuration asks for, and what of it has no effect");
  check->add_option("file", options->file, "The configuration, in any dialect")->required();
  check->add_option("model", options->model, "The float model; default: the configuration's, where it is there");
  AddShared(*check, *options);
  check->footer("Example:\n  joineryc config check config.prototxt mobilenetv2.onnx");
  check->callback([options, &exit_code] { exit_code = Report(Check(*options), v1::FAILURE_REASON_INVALID_CONFIG); });

  CLI::App* begin = command->add_subcommand("new", "Write a commented configuration for a model");
  begin->add_option("model", options->model, "The float model (.onnx)")->required();
  begin->add_option("--dialect", options->dialect, "pulsar, pulsar2, joinery")->capture_default_str();
  begin->add_option("--target", options->target, "AX620, AX630; of pulsar2 AX650, AX620E, ...");
  begin->add_option("--calibration", options->calibration, "The calibration set it names")->capture_default_str();
  begin->add_option("-o,--output", options->output, "Where the result goes; default: standard output");
  AddShared(*begin, *options);
  begin->footer(
      "Example:\n  joineryc config new mobilenetv2.onnx --target AX620 --calibration calib.tar -o config.prototxt");
  begin->callback([options, &exit_code] { exit_code = Report(New(*options), v1::FAILURE_REASON_INVALID_MODEL); });
}

}  // namespace joinery::compiler
