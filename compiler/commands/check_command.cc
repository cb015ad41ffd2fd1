// joineryc check: what of a model would run where, before anybody has a board.
#include <iostream>
#include <memory>
#include <new>
#include <string>
#include <thread>
#include <utility>
#include <vector>

#include "absl/strings/match.h"
#include "absl/strings/str_cat.h"
#include "base/file.h"
#include "base/status.h"
#include "base/version.h"
#include "compiler/commands/build_listeners.h"
#include "compiler/commands/commands.h"
#include "compiler/commands/exit_code.h"
#include "compiler/evaluation/for_each_sample.h"
#include "compiler/failure.h"
#include "compiler/target/check_model.h"
#include "compiler/target/print_check.h"
#include "compiler/target/target.h"

namespace joinery::compiler {
namespace {

struct CheckCommandOptions {
  std::vector<std::string> models;
  std::string name;
  std::vector<std::string> targets;
  std::vector<std::string> target_files;
  CheckOptions check;
  std::string report_path;
  bool json = false;
  int events_fd = -1;
};

absl::Status AddAll(std::vector<v1::TargetDescription>& targets) {
  ASSIGN_OR_RETURN(const absl::Span<const v1::TargetDescription> all, AllTargets());
  targets.insert(targets.end(), all.begin(), all.end());
  return absl::OkStatus();
}

absl::StatusOr<std::vector<v1::TargetDescription>> FindTargets(const CheckCommandOptions& options) {
  std::vector<v1::TargetDescription> targets;
  if (options.targets.empty() && options.target_files.empty()) RETURN_IF_ERROR(AddAll(targets));
  for (const std::string& name : options.targets) {
    if (absl::EqualsIgnoreCase(name, "all")) {
      RETURN_IF_ERROR(AddAll(targets));
      continue;
    }
    absl::StatusOr<v1::TargetDescription> target = FindTarget(name);
    if (!target.ok()) return WithReason(target.status(), v1::FAILURE_REASON_INVALID_CONFIG);
    targets.push_back(*std::move(target));
  }
  for (const std::string& path : options.target_files) {
    absl::StatusOr<v1::TargetDescription> target = LoadTargetFile(path);
    if (!target.ok()) return WithReason(target.status(), v1::FAILURE_REASON_INVALID_CONFIG, path);
    targets.push_back(*std::move(target));
  }
  return targets;
}

absl::StatusOr<v1::ModelCheck> CheckOne(const CheckCommandOptions& options, const std::string& path,
                                        absl::Span<const v1::TargetDescription> targets) {
  const std::string name = options.name.empty() ? path : options.name;
  // Memory is limited where joineryc is a worker's child; then it ends like this.
  try {
    absl::StatusOr<v1::ModelCheck> check = CheckModel(path, name, targets, options.check);
    if (!absl::IsInvalidArgument(check.status())) return check;
    return WithReason(check.status(), v1::FAILURE_REASON_INVALID_MODEL, name);
  } catch (const std::bad_alloc&) {
    return WithReason(absl::ResourceExhaustedError(absl::StrCat(name, ": memory ran out")),
                      v1::FAILURE_REASON_OUT_OF_MEMORY);
  }
}

// What CheckOne says of each, in their order; on all processors, as models have nothing to do with each other.
absl::StatusOr<std::vector<absl::StatusOr<v1::ModelCheck>>> CheckEach(const CheckCommandOptions& options,
                                                                      absl::Span<const v1::TargetDescription> targets) {
  const std::vector<std::string>& paths = options.models;
  std::vector<absl::StatusOr<v1::ModelCheck>> checks(paths.size());
  RETURN_IF_ERROR(ForEachSample(paths.size(), static_cast<int>(std::thread::hardware_concurrency()), [&](size_t model) {
    checks[model] = CheckOne(options, paths[model], targets);
    return absl::OkStatus();
  }));
  return checks;
}

// Goes on with the next model after a bad one: its error goes to `first_error`, and to those who listen.
absl::StatusOr<v1::CheckReport> CheckAll(const CheckCommandOptions& options, absl::Status& first_error) {
  ASSIGN_OR_RETURN(const std::vector<v1::TargetDescription> targets, FindTargets(options));
  v1::CheckReport report;
  report.set_tool_version(base::kVersion);
  ASSIGN_OR_RETURN(std::vector<absl::StatusOr<v1::ModelCheck>> checks, CheckEach(options, targets));
  for (absl::StatusOr<v1::ModelCheck>& check : checks) {
    if (check.ok()) {
      *report.add_models() = *std::move(check);
      continue;
    }
    if (options.events_fd < 0) ReportError(check.status());
    first_error.Update(check.status());
  }
  return report;
}

absl::Status Write(const CheckCommandOptions& options, const v1::CheckReport& report) {
  if (!options.report_path.empty()) {
    RETURN_IF_ERROR(base::WriteFileAtomically(options.report_path, absl::StrCat(CheckToJson(report), "\n")));
  }
  if (options.json) {
    std::cout << CheckToJson(report) << "\n";
  } else if (options.events_fd < 0) {
    std::cout << FormatCheck(report);
  }
  return absl::OkStatus();
}

int Fail(const CheckCommandOptions& options, const absl::Status& status) {
  if (options.events_fd < 0) return ReportError(status);
  EventWriter(options.events_fd).OnFailure(ToFailure(status));
  return ExitCodeFor(status);
}

int Check(const CheckCommandOptions& options) {
  absl::Status error;
  const absl::StatusOr<v1::CheckReport> report = CheckAll(options, error);
  if (!report.ok()) return Fail(options, report.status());
  if (const absl::Status written = Write(options, *report); !written.ok()) return Fail(options, written);
  if (options.events_fd < 0) return error.ok() ? ExitCodeOf(*report) : ExitCodeFor(error);
  // Whoever listens to events reads the verdict in the report.
  return error.ok() ? kExitSuccess : Fail(options, error);
}

}  // namespace

void AddCheckCommand(CLI::App& app, int& exit_code) {
  CLI::App* command = app.add_subcommand("check", "Say what of a model would run where, without calibration");
  auto options = std::make_shared<CheckCommandOptions>();
  command->add_option("model", options->models, "Float models (.onnx)")->required();
  command
      ->add_option("--target", options->targets,
                   "A target by name, or all, the default; may be repeated (joineryc target list)")
      ->type_name("NAME")
      ->allow_extra_args(false);
  command
      ->add_option("--target-file,--target_file", options->target_files,
                   "A description of your own (docs/targets.md); may be repeated")
      ->type_name("T.textproto")
      ->allow_extra_args(false);
  command
      ->add_option("--input-shape,--input_shape", options->check.input_shapes,
                   "Shape for an input that has a dynamic one: NAME:1x3x224x224, or 1x3x224x224 for the only input")
      ->type_name("NAME:DIMS")
      ->allow_extra_args(false);
  command->add_flag("--json", options->json, "Print a joinery.v1.CheckReport as JSON");
  command->add_option("--report", options->report_path, "Where the same goes as a file")->type_name("FILE");
  command->add_option("--model-name", options->name, "What the report calls the model")->type_name("NAME");
  command->add_option("--events-fd", options->events_fd, "Write events as JSON lines to this descriptor");
  command->footer(
      "Exit codes: 0 all runs on the NPU, an end on the CPU excepted; 11 the CPU is needed in the midst of a network;\n"
      "12 impossible on a target; 1 a model cannot be read.\n\n"
      "Examples:\n"
      "  joineryc check mobilenetv2.onnx\n"
      "  joineryc check face.onnx --target AX630C --target AX620A\n"
      "  joineryc check dynamic.onnx --input-shape x:1x3x640x640 --target AX650 --json\n"
      "  joineryc check m.onnx --target-file my_board.textproto");
  command->callback([options, &exit_code] { exit_code = Check(*options); });
}

}  // namespace joinery::compiler
