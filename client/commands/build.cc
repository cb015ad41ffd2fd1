#include <filesystem>
#include <memory>
#include <string>

#include "absl/strings/str_cat.h"
#include "base/status.h"
#include "client/commands/commands.h"
#include "client/commands/result.h"
#include "client/commands/submission.h"
#include "client/commands/waiting.h"
#include "client/error.h"

namespace joinery::client {
namespace {

struct BuildCommandArguments {
  BuildArguments inputs;
  ResultPaths paths;
  std::string timeout;
};

absl::Status Build(Invocation& invocation, BuildCommandArguments& arguments) {
  arguments.paths.default_name =
      std::filesystem::path(arguments.inputs.model).filename().replace_extension(".joint").string();
  // Told before minutes are spent, not after.
  RETURN_IF_ERROR(CheckResultPaths(arguments.paths).status());
  RETURN_IF_ERROR(WaitDeadline(arguments.timeout).status());
  ASSIGN_OR_RETURN(const v1::Job submitted, SubmitBuild(invocation, arguments.inputs));
  invocation.Note(absl::StrCat("job ", submitted.id()));
  if (invocation.options().json) invocation.progress().Update({.stage = "submitted", .detail = submitted.id()});
  const absl::StatusOr<v1::Job> job = WaitForJob(invocation, submitted.id(), arguments.timeout);
  if (!job.ok()) return PrintIdIfAlive(invocation, job.status());
  RETURN_IF_ERROR(OutcomeOf(*job));
  return WithJob(FetchResult(invocation, *job, arguments.paths), job->id());
}

}  // namespace

void AddBuild(CLI::App& parent, Command* command) {
  CLI::App& build = *parent.add_subcommand("build", "Turn an ONNX model into a .joint: upload, wait, fetch");
  const auto arguments = std::make_shared<BuildCommandArguments>();
  AddBuildArguments(build, arguments->inputs);
  build
      .add_option("-o,--output", arguments->paths.artifact, "Where the .joint goes; default: MODEL's name with .joint")
      ->type_name("OUT.joint");
  build.add_option("--report", arguments->paths.report, "Where the report (JSON) goes")->type_name("FILE");
  build.add_option("--timeout", arguments->timeout, "Wait no longer; the job goes on (exit code 8)")
      ->type_name("DURATION");
  build.footer(
      "Examples:\n"
      "  joinery build mobilenetv2.onnx --config config_mobilenetv2.prototxt\n"
      "  joinery build model.onnx --config c.prototxt --calibration photos/ -o model.joint --report report.json\n"
      "  joinery build model.onnx --config pulsar2.json --preset accurate --layer-bits 'Conv_0=16'\n"
      "  joinery build dynamic.onnx --config c.prototxt --input-shape data:1x3x224x224\n"
      "\n"
      "Ctrl-C stops the waiting, not the job. Next: joinery jobs logs @last");
  build.callback([arguments, command] {
    *command = [arguments](Invocation& invocation) { return Build(invocation, *arguments); };
  });
}

}  // namespace joinery::client
