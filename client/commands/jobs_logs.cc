#include <memory>
#include <string>

#include "absl/strings/str_cat.h"
#include "base/status.h"
#include "client/commands/commands.h"
#include "client/error.h"
#include "client/job_reference.h"
#include "client/json.h"

namespace joinery::client {
namespace {

// Events of the past arrive without a pause; after one this long there are none left.
constexpr absl::Duration kQuiet = absl::Milliseconds(500);

struct JobsLogsArguments {
  std::string reference;
  bool follow = false;
};

absl::Status PrintLog(Invocation& invocation, const v1::JobEvent& event) {
  if (!event.has_log()) return absl::OkStatus();
  if (invocation.options().json) {
    ASSIGN_OR_RETURN(const std::string line, JsonDocumentOf(event));
    return invocation.console().Print(line);
  }
  return invocation.console().Print(absl::StrCat(Printable(event.log().text()), "\n"));
}

absl::Status JobsLogs(Invocation& invocation, const JobsLogsArguments& arguments) {
  ASSIGN_OR_RETURN(Session* const session, invocation.Connect());
  ASSIGN_OR_RETURN(const v1::Job job, FindJob(*session, arguments.reference, StateFolder(invocation.environment())));
  if (arguments.follow) invocation.set_job_id(job.id());
  int64_t sequence = 0;
  while (true) {
    const int64_t sequence_before = sequence;
    const absl::Time deadline =
        arguments.follow || IsFinal(job.state()) ? absl::InfiniteFuture() : absl::Now() + kQuiet;
    absl::Status status = session
                              ->Watch(job.id(), sequence, deadline,
                                      [&](const v1::JobEvent& event) {
                                        sequence = event.sequence();
                                        return PrintLog(invocation, event);
                                      })
                              .status();
    if (OriginOf(status) != Origin::kWaitTimedOut) return status;
    if (sequence == sequence_before) return absl::OkStatus();
  }
}

}  // namespace

void AddJobsLogs(CLI::App& parent, Command* command) {
  CLI::App& logs = *parent.add_subcommand("logs", "What the compiler said");
  const auto arguments = std::make_shared<JobsLogsArguments>();
  logs.add_option("ID", arguments->reference, "A job's id, the beginning of one, or @last")->required();
  logs.add_flag("-f,--follow", arguments->follow, "Go on as lines come, until the job has ended");
  logs.footer("Examples:\n  joinery jobs logs @last\n  joinery jobs logs 7f3a --follow");
  logs.callback([arguments, command] {
    *command = [arguments](Invocation& invocation) { return JobsLogs(invocation, *arguments); };
  });
}

}  // namespace joinery::client
