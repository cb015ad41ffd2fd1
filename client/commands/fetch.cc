#include <algorithm>
#include <memory>
#include <string>

#include "absl/strings/ascii.h"
#include "absl/strings/str_cat.h"
#include "base/status.h"
#include "client/commands/check_result.h"
#include "client/commands/commands.h"
#include "client/commands/result.h"
#include "client/commands/waiting.h"
#include "client/error.h"
#include "client/job_reference.h"

namespace joinery::client {
namespace {

struct FetchArguments {
  std::string reference;
  ResultPaths paths;
};

// What the server says is no path: an id with anything odd in it is not made a file's name.
std::string DefaultName(const std::string& id) {
  const bool is_plain = !id.empty() && id.size() <= 128 && std::all_of(id.begin(), id.end(), [](char c) {
    return absl::ascii_isalnum(static_cast<unsigned char>(c)) || c == '-' || c == '_';
  });
  return absl::StrCat(is_plain ? id : "artifact", ".joint");
}

absl::Status StillGoing(const v1::Job& job) {
  return WithJob(WithOrigin(absl::FailedPreconditionError(absl::StrCat("job ", job.id(), " is ", StateName(job.state()),
                                                                       ": there is nothing to fetch yet")),
                            Origin::kWaitTimedOut),
                 job.id());
}

absl::Status FetchJob(Invocation& invocation, FetchArguments& arguments) {
  ASSIGN_OR_RETURN(Session* const session, invocation.Connect());
  ASSIGN_OR_RETURN(const v1::Job job, FindJob(*session, arguments.reference, StateFolder(invocation.environment())));
  if (!IsFinal(job.state())) return PrintIdIfAlive(invocation, StillGoing(job));
  RETURN_IF_ERROR(OutcomeOf(job));
  if (job.spec().has_check()) return WithJob(ShowChecks(invocation, {job}, arguments.paths.report), job.id());
  arguments.paths.default_name = DefaultName(job.id());
  return WithJob(FetchResult(invocation, job, arguments.paths), job.id());
}

}  // namespace

void AddFetch(CLI::App& parent, Command* command) {
  CLI::App& fetch = *parent.add_subcommand(
      "fetch", "Get what a job that succeeded made: the .joint and the reports, or what a check found");
  const auto arguments = std::make_shared<FetchArguments>();
  fetch.add_option("ID", arguments->reference, "A job's id, the beginning of one, or @last")->required();
  fetch.add_option("-o,--output", arguments->paths.artifact, "Where the .joint goes; default: ID.joint")
      ->type_name("OUT.joint");
  fetch.add_option("--report", arguments->paths.report, "Where the report (JSON) goes")->type_name("FILE");
  fetch.add_option("--html-report", arguments->paths.html_report, "Where the report as a web page goes")
      ->type_name("FILE");
  fetch.footer("Examples:\n  joinery fetch @last -o model.joint\n  joinery fetch 7f3a --html-report report.html");
  fetch.callback([arguments, command] {
    *command = [arguments](Invocation& invocation) { return FetchJob(invocation, *arguments); };
  });
}

}  // namespace joinery::client
