#include <filesystem>
#include <memory>
#include <set>
#include <string>
#include <utility>
#include <vector>

#include "absl/strings/str_cat.h"
#include "absl/strings/str_replace.h"
#include "base/status.h"
#include "client/commands/commands.h"
#include "client/commands/result.h"
#include "client/commands/submission.h"
#include "client/commands/waiting.h"
#include "client/error.h"

namespace joinery::client {
namespace {

struct BuildCommandArguments {
  SubmissionArguments submission;
  ResultPaths paths;
  std::string timeout;
};

// "m.joint"; of several targets "m.AX630C.NPU1.joint".
std::string ResultName(const Submission& submission, bool is_one_of_several_targets) {
  const std::string target =
      is_one_of_several_targets ? absl::StrCat(".", absl::StrReplaceAll(submission.target, {{":", "."}})) : "";
  return std::filesystem::path(submission.model).filename().replace_extension(absl::StrCat(target, ".joint")).string();
}

// Where each result goes: into one folder, under the name of its model and target.
absl::StatusOr<std::vector<ResultPaths>> PathsOfMany(const BuildCommandArguments& arguments) {
  if (!arguments.paths.report.empty() || !arguments.paths.html_report.empty()) {
    return absl::InvalidArgumentError(
        "--report and --html-report are for one model and target; of several, fetch reports with joinery fetch");
  }
  const std::string& folder = arguments.paths.artifact;
  if (!folder.empty() && !std::filesystem::is_directory(folder)) {
    return absl::InvalidArgumentError(
        absl::StrCat("-o ", folder, " is no folder; of several models or targets it must be one"));
  }
  std::vector<ResultPaths> all;
  std::set<std::string> names;
  const bool has_targets = arguments.submission.targets.size() > 1;
  for (const Submission& submission : SubmissionsOf(arguments.submission)) {
    ResultPaths paths{.artifact = folder, .report = "", .default_name = ResultName(submission, has_targets)};
    if (!names.insert(paths.default_name).second) {
      return absl::InvalidArgumentError(absl::StrCat("two of the jobs would make ", paths.default_name));
    }
    RETURN_IF_ERROR(CheckResultPaths(paths).status());
    all.push_back(std::move(paths));
  }
  return all;
}

absl::Status BuildMany(Invocation& invocation, const BuildCommandArguments& arguments) {
  ASSIGN_OR_RETURN(const std::vector<ResultPaths> paths, PathsOfMany(arguments));
  RETURN_IF_ERROR(WaitDeadline(arguments.timeout).status());
  ASSIGN_OR_RETURN(const std::vector<v1::Job> submitted, SubmitBuilds(invocation, arguments.submission));
  invocation.Note(absl::StrCat("job array ", submitted.front().array_id()));
  ASSIGN_OR_RETURN(const std::vector<v1::Job> jobs, WaitForJobs(invocation, submitted, arguments.timeout));
  for (size_t i = 0; i < jobs.size(); ++i) {
    if (jobs[i].state() != v1::JOB_STATE_SUCCEEDED) continue;
    RETURN_IF_ERROR(WithJob(FetchResult(invocation, jobs[i], paths[i]), jobs[i].id()));
  }
  return OutcomeOf(jobs);
}

absl::Status Build(Invocation& invocation, BuildCommandArguments& arguments) {
  const std::vector<Submission> submissions = SubmissionsOf(arguments.submission);
  if (submissions.size() > 1) return BuildMany(invocation, arguments);
  arguments.paths.default_name = ResultName(submissions.front(), /*is_one_of_several_targets=*/false);
  // Told before minutes are spent, not after.
  RETURN_IF_ERROR(CheckResultPaths(arguments.paths).status());
  RETURN_IF_ERROR(WaitDeadline(arguments.timeout).status());
  ASSIGN_OR_RETURN(const std::vector<v1::Job> jobs, SubmitBuilds(invocation, arguments.submission));
  const v1::Job& submitted = jobs.front();
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
  AddSubmissionArguments(build, arguments->submission);
  build
      .add_option("-o,--output", arguments->paths.artifact,
                  "Where the .joint goes, or the folder for several; default: MODEL's name with .joint")
      ->type_name("OUT.joint");
  build.add_option("--report", arguments->paths.report, "Where the report (JSON) goes")->type_name("FILE");
  build.add_option("--html-report", arguments->paths.html_report, "Where the report as a web page goes")
      ->type_name("FILE");
  build.add_option("--timeout", arguments->timeout, "Wait no longer; the job goes on (exit code 8)")
      ->type_name("DURATION");
  build.footer(
      "Examples:\n"
      "  joinery build mobilenetv2.onnx --config config_mobilenetv2.prototxt\n"
      "  joinery build model.onnx --config c.prototxt --calibration photos/ -o model.joint --html-report report.html\n"
      "  joinery build model.onnx --config pulsar2.json --preset accurate --layer-bits 'Conv_0=16'\n"
      "  joinery build dynamic.onnx --config c.prototxt --input-shape data:1x3x224x224\n"
      "  joinery build model.onnx --config c.prototxt --gpu --gpu-memory 8GiB\n"
      "  joinery build model.onnx --config pulsar2.json --vendor-binary\n"
      "  joinery build models/*.onnx --config c.prototxt -o built/ --priority 10\n"
      "  joinery build model.onnx --config c.prototxt -o built/ --target AX630C:NPU1 --target AX630C:NPU2\n"
      "\n"
      "Ctrl-C stops the waiting, not the job. Next: joinery jobs logs @last");
  build.callback([arguments, command] {
    *command = [arguments](Invocation& invocation) { return Build(invocation, *arguments); };
  });
}

}  // namespace joinery::client
