#include <string>
#include <vector>

#include "absl/strings/str_cat.h"
#include "base/status.h"
#include "client/commands/commands.h"
#include "client/json.h"

namespace joinery::client {
namespace {

absl::Status Workers(Invocation& invocation) {
  ASSIGN_OR_RETURN(Session* const session, invocation.Connect());
  ASSIGN_OR_RETURN(const std::vector<v1::Worker> workers, session->ListWorkers());
  if (invocation.options().json) {
    ASSIGN_OR_RETURN(const std::string document, JsonListOf(workers, ""));
    return invocation.console().Print(document);
  }
  const bool for_people = invocation.console().traits().out_is_terminal;
  Table table{{"NAME", "COMPILER", "LAST SEEN", "JOB"}, {}};
  table.rows.reserve(workers.size());
  for (const v1::Worker& worker : workers) {
    const absl::Duration age = invocation.clock().Now() - absl::FromUnixSeconds(worker.last_seen_at().seconds());
    table.rows.push_back({worker.name(), worker.compiler_version(),
                          for_people ? FormatAge(age) : FormatTimestamp(worker.last_seen_at()), worker.job_id()});
  }
  return invocation.PrintTable(table);
}

}  // namespace

void AddWorkers(CLI::App& parent, Command* command) {
  CLI::App& workers = *parent.add_subcommand("workers", "Who runs the jobs, as heard of in the last hour");
  workers.footer("Examples:\n  joinery workers\n  joinery workers --json");
  workers.callback([command] { *command = Workers; });
}

}  // namespace joinery::client
