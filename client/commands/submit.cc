#include <memory>
#include <string>
#include <vector>

#include "absl/strings/str_cat.h"
#include "base/status.h"
#include "client/commands/commands.h"
#include "client/commands/submission.h"
#include "client/commands/waiting.h"
#include "client/error.h"
#include "client/json.h"

namespace joinery::client {
namespace {

struct SubmitCommandArguments {
  SubmissionArguments submission;
  bool wait = false;
  std::string timeout;
};

// The id of the array on stdout; of the jobs, the first that did not succeed decides how it went.
absl::Status FinishArray(Invocation& invocation, const std::vector<v1::Job>& jobs,
                         const SubmitCommandArguments& arguments) {
  const bool json = invocation.options().json;
  const std::string& array_id = jobs.front().array_id();
  if (!json) RETURN_IF_ERROR(invocation.console().Print(absl::StrCat(array_id, "\n")));
  std::vector<v1::Job> ended = jobs;
  if (arguments.wait) {
    ASSIGN_OR_RETURN(ended, WaitForJobs(invocation, jobs, arguments.timeout));
  } else {
    invocation.set_job_id("");
  }
  if (json) {
    ASSIGN_OR_RETURN(const std::string document, JsonListOf(ended, ""));
    RETURN_IF_ERROR(invocation.console().Print(document));
  }
  return arguments.wait ? OutcomeOf(ended) : absl::OkStatus();
}

absl::Status Submit(Invocation& invocation, const SubmitCommandArguments& arguments) {
  RETURN_IF_ERROR(WaitDeadline(arguments.timeout).status());
  ASSIGN_OR_RETURN(const std::vector<v1::Job> jobs, SubmitBuilds(invocation, arguments.submission));
  invocation.progress().Clear();
  if (jobs.size() > 1) return FinishArray(invocation, jobs, arguments);
  v1::Job job = jobs.front();
  const bool json = invocation.options().json;
  // The id at once, so that it is known whatever happens to the waiting; one JSON document only.
  if (!json) RETURN_IF_ERROR(invocation.console().Print(absl::StrCat(job.id(), "\n")));
  if (arguments.wait) {
    const absl::StatusOr<v1::Job> waited = WaitForJob(invocation, job.id(), arguments.timeout);
    if (!waited.ok()) return json ? PrintIdIfAlive(invocation, waited.status()) : waited.status();
    job = *waited;
  } else {
    // Nothing waits that Ctrl-C could end.
    invocation.set_job_id("");
  }
  if (json) {
    ASSIGN_OR_RETURN(const std::string document, JsonDocumentOf(job));
    RETURN_IF_ERROR(invocation.console().Print(document));
  }
  return arguments.wait ? OutcomeOf(job) : absl::OkStatus();
}

}  // namespace

void AddSubmit(CLI::App& parent, Command* command) {
  CLI::App& submit = *parent.add_subcommand("submit", "Submit a build and print the job's id, without waiting");
  const auto arguments = std::make_shared<SubmitCommandArguments>();
  AddSubmissionArguments(submit, arguments->submission);
  submit.add_flag("--wait", arguments->wait, "Wait for the end; the exit code tells how it went");
  submit.add_option("--timeout", arguments->timeout, "With --wait: wait no longer; the job goes on (exit code 8)")
      ->type_name("DURATION");
  submit.footer(
      "Examples:\n"
      "  id=$(joinery submit model.onnx --config c.prototxt --calibration photos/)\n"
      "  joinery submit model.onnx --config c.prototxt --wait --timeout 10m\n"
      "  joinery submit models/*.onnx --config c.prototxt --priority -10 --require-memory 8GiB\n"
      "\n"
      "Next: joinery jobs watch @last, then joinery fetch @last");
  submit.callback([arguments, command] {
    *command = [arguments](Invocation& invocation) { return Submit(invocation, *arguments); };
  });
}

}  // namespace joinery::client
