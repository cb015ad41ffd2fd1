#include <memory>
#include <string>
#include <vector>

#include "absl/strings/str_cat.h"
#include "base/status.h"
#include "client/commands/commands.h"
#include "client/commands/worker_table.h"
#include "client/json.h"

namespace joinery::client {
namespace {

absl::Status List(Invocation& invocation) {
  ASSIGN_OR_RETURN(Session* const session, invocation.Connect());
  ASSIGN_OR_RETURN(const std::vector<v1::Worker> workers, session->ListWorkers());
  return PrintWorkers(invocation, workers);
}

absl::Status SetDrain(Invocation& invocation, const std::string& name, bool drained) {
  ASSIGN_OR_RETURN(Session* const session, invocation.Connect());
  ASSIGN_OR_RETURN(const v1::Worker worker, session->SetWorkerDrain(name, drained));
  if (invocation.options().json) {
    ASSIGN_OR_RETURN(const std::string document, JsonDocumentOf(worker));
    return invocation.console().Print(document);
  }
  const std::string job = worker.job_id().empty() ? "" : absl::StrCat("; job ", worker.job_id(), " goes on");
  invocation.Note(
      absl::StrCat("worker ", name, drained ? " is given no more jobs" : " is given jobs again", drained ? job : ""));
  return absl::OkStatus();
}

void AddSetDrain(CLI::App& parent, Command* command, bool drained) {
  CLI::App& app = *parent.add_subcommand(
      drained ? "drain" : "undrain",
      drained ? "Give a worker no more jobs; the one it has goes on" : "Give a worker jobs again");
  const auto name = std::make_shared<std::string>();
  app.add_option("NAME", *name, "As `joinery admin worker list` shows it")->required();
  app.footer(absl::StrCat("Example:\n  joinery admin worker ", app.get_name(), " lab-3"));
  app.callback([name, command, drained] {
    *command = [name, drained](Invocation& invocation) { return SetDrain(invocation, *name, drained); };
  });
}

}  // namespace

void AddAdminWorker(CLI::App& parent, Command* command) {
  CLI::App& worker = *parent.add_subcommand("worker", "List and drain workers");
  worker.require_subcommand(1);
  worker.footer(
      "Examples:\n"
      "  joinery admin worker list\n"
      "  joinery admin worker drain lab-3");
  CLI::App& list =
      *worker.add_subcommand("list", "Who runs the jobs, and what they have, as heard of in the last hour");
  list.footer("Examples:\n  joinery admin worker list\n  joinery admin worker list --json");
  list.callback([command] { *command = List; });
  AddSetDrain(worker, command, true);
  AddSetDrain(worker, command, false);
}

}  // namespace joinery::client
