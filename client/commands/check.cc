#include <memory>
#include <string>
#include <utility>
#include <vector>

#include "base/file.h"
#include "base/status.h"
#include "client/build_inputs.h"
#include "client/commands/check_result.h"
#include "client/commands/commands.h"
#include "client/commands/job_options.h"
#include "client/commands/submission.h"
#include "client/commands/waiting.h"
#include "client/error.h"

namespace joinery::client {
namespace {

// As the server has it.
constexpr int64_t kMaxTargetBytes = 256 << 10;

struct CheckArguments {
  std::vector<std::string> models;
  std::vector<std::string> targets;
  std::vector<std::string> target_files;
  std::vector<std::string> input_shapes;
  JobOptionArguments options;
  std::string report;
  std::string timeout;
};

// All but the model.
absl::StatusOr<v1::CheckSpec> MakeSpec(const CheckArguments& arguments) {
  v1::CheckSpec spec;
  for (const std::string& target : arguments.targets) spec.add_targets(target);
  for (const std::string& path : arguments.target_files) {
    const absl::StatusOr<std::string> text = base::ReadFile(path, kMaxTargetBytes);
    if (!text.ok()) return LocalIo(text.status());
    v1::TargetText& target = *spec.add_target_texts();
    target.set_text(*text);
    target.set_name(BaseName(path));
  }
  for (const std::string& shape : arguments.input_shapes) {
    RETURN_IF_ERROR(CheckShape(shape));
    spec.add_input_shapes(shape);
  }
  return spec;
}

absl::Status Check(Invocation& invocation, const CheckArguments& arguments) {
  RETURN_IF_ERROR(WaitDeadline(arguments.timeout).status());
  ASSIGN_OR_RETURN(const v1::JobOptions options, ParseJobOptions(arguments.options));
  ASSIGN_OR_RETURN(const v1::CheckSpec common, MakeSpec(arguments));
  ASSIGN_OR_RETURN(Session* const session, invocation.Connect());
  std::vector<v1::JobSpec> specs;
  for (const std::string& model : arguments.models) {
    v1::CheckSpec& spec = *specs.emplace_back().mutable_check();
    spec = common;
    spec.set_model_name(BaseName(model));
    RETURN_IF_ERROR(UploadOne(FileSource(model), *spec.mutable_model(), *session, invocation.interruption(),
                              invocation.progress()));
  }
  ASSIGN_OR_RETURN(const std::vector<v1::Job> submitted, SubmitJobs(invocation, specs, options));
  const absl::StatusOr<std::vector<v1::Job>> ended = WaitForJobs(invocation, submitted, arguments.timeout);
  if (!ended.ok()) return PrintIdIfAlive(invocation, ended.status());
  std::vector<v1::Job> succeeded;
  for (const v1::Job& job : *ended) {
    if (job.state() == v1::JOB_STATE_SUCCEEDED) succeeded.push_back(job);
  }
  const absl::Status verdict =
      succeeded.empty() ? absl::OkStatus() : ShowChecks(invocation, succeeded, arguments.report);
  const absl::Status outcome = OutcomeOf(*ended);
  return outcome.ok() ? verdict : outcome;
}

void AddTargets(CLI::App& check, CheckArguments& arguments) {
  check.add_option("--target", arguments.targets, "A target such as AX630C, or all, the default; may be repeated")
      ->type_name("NAME")
      ->allow_extra_args(false);
  check
      .add_option("--target-file", arguments.target_files,
                  "A description of your own (docs/targets.md); may be repeated")
      ->type_name("T.textproto")
      ->allow_extra_args(false);
  check
      .add_option("--input-shape", arguments.input_shapes,
                  "Shape of an input whose own is dynamic, such as data:1x3x224x224; may be repeated")
      ->type_name("NAME:DIMS")
      ->allow_extra_args(false);
}

}  // namespace

void AddCheck(CLI::App& parent, Command* command) {
  CLI::App& check = *parent.add_subcommand("check", "Say what of an ONNX model would run where: no calibration");
  const auto arguments = std::make_shared<CheckArguments>();
  check.add_option("MODEL", arguments->models, "The float model, an ONNX file; of several, each is a job of an array")
      ->required();
  AddTargets(check, *arguments);
  AddJobOptions(check, arguments->options);
  check.add_option("--report", arguments->report, "Where the findings go as JSON")->type_name("FILE");
  check.add_option("--timeout", arguments->timeout, "Wait no longer; the job goes on (exit code 8)")
      ->type_name("DURATION");
  check.footer(
      "Exit codes: 0 all runs on the NPU, an end on the CPU excepted; 11 the CPU is needed in the midst of a network;\n"
      "12 impossible on a target.\n\n"
      "Examples:\n"
      "  joinery check mobilenetv2.onnx\n"
      "  joinery check face.onnx --target AX630C --target AX620A --json\n"
      "  joinery check dynamic.onnx --input-shape x:1x3x640x640 --target-file my_board.textproto");
  check.callback([arguments, command] {
    *command = [arguments](Invocation& invocation) { return Check(invocation, *arguments); };
  });
}

}  // namespace joinery::client
