#include <memory>
#include <string>

#include "absl/strings/str_cat.h"
#include "base/status.h"
#include "client/commands/commands.h"
#include "client/json.h"

namespace joinery::client {
namespace {

constexpr int kDefaultLimit = 50;

absl::Status Show(Invocation& invocation, int limit) {
  ASSIGN_OR_RETURN(Session* const session, invocation.Connect());
  ASSIGN_OR_RETURN(const v1::Queue queue, session->GetQueue(limit));
  if (invocation.options().json) {
    ASSIGN_OR_RETURN(const std::string document, JsonDocumentOf(queue));
    return invocation.console().Print(document);
  }
  const bool for_people = invocation.console().traits().out_is_terminal;
  Table table{{"JOB", "USER", "PROJECT", "PRIORITY", "SINCE", "WHY IT WAITS"}, {}};
  for (const v1::QueuedJob& job : queue.jobs()) {
    const absl::Duration age = invocation.clock().Now() - absl::FromUnixSeconds(job.created_at().seconds());
    table.rows.push_back({job.id(), job.user(), job.project(), absl::StrCat(job.priority()),
                          for_people ? FormatAge(age) : FormatTimestamp(job.created_at()), job.reason()});
  }
  RETURN_IF_ERROR(invocation.PrintTable(table));
  const std::string more = queue.jobs_size() < queue.queued_jobs()
                               ? absl::StrCat(" (", queue.jobs_size(), " shown; --limit shows more)")
                               : "";
  invocation.Note(absl::StrCat(queue.queued_jobs(), " queued", more, ", ", queue.running_jobs(), " running",
                               queue.drained() ? "; the server is drained: joinery admin queue undrain" : ""));
  return absl::OkStatus();
}

absl::Status SetDrain(Invocation& invocation, bool drained) {
  ASSIGN_OR_RETURN(Session* const session, invocation.Connect());
  ASSIGN_OR_RETURN(const v1::SetServerDrainResponse response, session->SetServerDrain(drained));
  if (invocation.options().json) {
    ASSIGN_OR_RETURN(const std::string document, JsonDocumentOf(response));
    return invocation.console().Print(document);
  }
  invocation.Note(drained ? absl::StrCat("no more jobs are given to workers; ", response.running_jobs(), " go on")
                          : "jobs are given to workers again");
  return absl::OkStatus();
}

void AddShow(CLI::App& parent, Command* command) {
  CLI::App& show = *parent.add_subcommand("show", "Which jobs wait, in about the order of their turns, and why");
  const auto limit = std::make_shared<int>(kDefaultLimit);
  show.add_option("--limit", *limit, "At most so many jobs")
      ->check(CLI::Range(1, 1000))
      ->type_name("N")
      ->capture_default_str();
  show.footer("Examples:\n  joinery admin queue show\n  joinery admin queue show --limit 1000 --json");
  show.callback([limit, command] { *command = [limit](Invocation& invocation) { return Show(invocation, *limit); }; });
}

}  // namespace

void AddAdminQueue(CLI::App& parent, Command* command) {
  CLI::App& queue = *parent.add_subcommand("queue", "Show the queue, stop and resume it");
  queue.require_subcommand(1);
  queue.footer(
      "Examples:\n"
      "  joinery admin queue show\n"
      "  joinery admin queue drain");
  AddShow(queue, command);
  CLI::App& drain = *queue.add_subcommand("drain", "Give no worker a job, until undrain; what runs goes on");
  drain.footer("Jobs are still taken, and wait. This holds over restarts.\n\nExample:\n  joinery admin queue drain");
  drain.callback([command] { *command = [](Invocation& invocation) { return SetDrain(invocation, true); }; });
  CLI::App& undrain = *queue.add_subcommand("undrain", "Give workers jobs again");
  undrain.footer("Example:\n  joinery admin queue undrain");
  undrain.callback([command] { *command = [](Invocation& invocation) { return SetDrain(invocation, false); }; });
}

}  // namespace joinery::client
