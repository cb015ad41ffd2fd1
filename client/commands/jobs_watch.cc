#include <memory>
#include <string>
#include <utility>
#include <vector>

#include "absl/strings/str_cat.h"
#include "base/status.h"
#include "client/commands/commands.h"
#include "client/commands/waiting.h"
#include "client/error.h"
#include "client/job_reference.h"
#include "client/json.h"
#include "client/output.h"

namespace joinery::client {
namespace {

struct JobsWatchArguments {
  std::string reference;
  std::string timeout;
};

absl::StatusOr<v1::Job> PrintEvents(Invocation& invocation, Session& session, const std::string& id,
                                    const std::string& timeout) {
  ASSIGN_OR_RETURN(const absl::Time deadline, WaitDeadline(timeout));
  return session.Watch(id, 0, deadline, [&](const v1::JobEvent& event) -> absl::Status {
    ASSIGN_OR_RETURN(const std::string line, JsonDocumentOf(event));
    return invocation.console().Print(line);
  });
}

// One after the other: what happened to the later ones meanwhile is told when it is their turn.
absl::Status WatchArray(Invocation& invocation, Session& session, const std::vector<v1::Job>& jobs,
                        const std::string& timeout) {
  std::vector<v1::Job> ended;
  if (invocation.options().json) {
    for (const v1::Job& job : jobs) {
      ASSIGN_OR_RETURN(v1::Job final_job, PrintEvents(invocation, session, job.id(), timeout));
      ended.push_back(std::move(final_job));
    }
    return OutcomeOf(ended);
  }
  ASSIGN_OR_RETURN(ended, WaitForJobs(invocation, jobs, timeout));
  Table table{{"ID", "STATE", "MODEL"}, {}};
  for (const v1::Job& job : ended) {
    table.rows.push_back({job.id(), StateName(job.state()), ModelName(job)});
  }
  RETURN_IF_ERROR(invocation.PrintTable(table));
  return OutcomeOf(ended);
}

absl::Status JobsWatch(Invocation& invocation, const JobsWatchArguments& arguments) {
  ASSIGN_OR_RETURN(Session* const session, invocation.Connect());
  ASSIGN_OR_RETURN(const std::vector<v1::Job> jobs,
                   FindJobs(*session, arguments.reference, StateFolder(invocation.environment())));
  if (jobs.size() > 1) return WatchArray(invocation, *session, jobs, arguments.timeout);
  const v1::Job& found = jobs.front();
  if (invocation.options().json) {
    invocation.set_job_id(found.id());
    ASSIGN_OR_RETURN(const v1::Job job, PrintEvents(invocation, *session, found.id(), arguments.timeout));
    return OutcomeOf(job);
  }
  const absl::StatusOr<v1::Job> job = WaitForJob(invocation, found.id(), arguments.timeout);
  if (!job.ok()) return PrintIdIfAlive(invocation, job.status());
  RETURN_IF_ERROR(invocation.PrintTable({{"ID", "STATE"}, {{job->id(), StateName(job->state())}}}));
  return OutcomeOf(*job);
}

}  // namespace

void AddJobsWatch(CLI::App& parent, Command* command) {
  CLI::App& watch = *parent.add_subcommand("watch", "Wait for a job; the exit code tells how it went");
  const auto arguments = std::make_shared<JobsWatchArguments>();
  watch.add_option("ID", arguments->reference, "A job's id, the beginning of one, a job array's id, or @last")
      ->required();
  watch.add_option("--timeout", arguments->timeout, "Wait no longer; the job goes on (exit code 8)")
      ->type_name("DURATION");
  watch.footer(
      "With --json each event is a line on stdout; the last has the job as it ended.\n"
      "\n"
      "Examples:\n"
      "  joinery jobs watch @last && joinery fetch @last\n"
      "  joinery jobs watch 7f3a --json --timeout 10m");
  watch.callback([arguments, command] {
    *command = [arguments](Invocation& invocation) { return JobsWatch(invocation, *arguments); };
  });
}

}  // namespace joinery::client
