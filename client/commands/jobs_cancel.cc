#include <memory>
#include <string>
#include <vector>

#include "absl/strings/str_cat.h"
#include "base/status.h"
#include "client/commands/commands.h"
#include "client/job_reference.h"
#include "client/json.h"

namespace joinery::client {
namespace {

absl::Status CancelArray(Invocation& invocation, Session& session, const std::string& array_id) {
  ASSIGN_OR_RETURN(const v1::JobArray array, session.CancelJobArray(array_id));
  if (invocation.options().json) {
    ASSIGN_OR_RETURN(const std::string document, JsonListOf(array.jobs(), ""));
    return invocation.console().Print(document);
  }
  Table table{{"ID", "STATE"}, {}};
  for (const v1::Job& job : array.jobs()) table.rows.push_back({job.id(), StateName(job.state())});
  return invocation.PrintTable(table);
}

absl::Status JobsCancel(Invocation& invocation, const std::string& reference) {
  ASSIGN_OR_RETURN(Session* const session, invocation.Connect());
  ASSIGN_OR_RETURN(const std::vector<v1::Job> jobs,
                   FindJobs(*session, reference, StateFolder(invocation.environment())));
  if (jobs.size() > 1) return CancelArray(invocation, *session, jobs.front().array_id());
  const v1::Job& found = jobs.front();
  ASSIGN_OR_RETURN(const v1::Job job, session->CancelJob(found.id()));
  if (invocation.options().json) {
    ASSIGN_OR_RETURN(const std::string document, JsonDocumentOf(job));
    return invocation.console().Print(document);
  }
  if (IsFinal(found.state())) {
    invocation.Note(absl::StrCat("job ", job.id(), " had ended already"));
  } else if (!IsFinal(job.state())) {
    invocation.Note(absl::StrCat("job ", job.id(), " will end within seconds"));
  }
  return invocation.PrintTable({{"ID", "STATE"}, {{job.id(), StateName(job.state())}}});
}

}  // namespace

void AddJobsCancel(CLI::App& parent, Command* command) {
  CLI::App& cancel = *parent.add_subcommand("cancel", "Ask that a job be given up");
  const auto reference = std::make_shared<std::string>();
  cancel.add_option("ID", *reference, "A job's id, the beginning of one, a job array's id, or @last")->required();
  cancel.footer("Examples:\n  joinery jobs cancel @last\n  joinery jobs cancel 7f3a");
  cancel.callback([reference, command] {
    *command = [reference](Invocation& invocation) { return JobsCancel(invocation, *reference); };
  });
}

}  // namespace joinery::client
