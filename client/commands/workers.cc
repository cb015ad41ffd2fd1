#include <memory>
#include <string>
#include <vector>

#include "base/status.h"
#include "client/commands/commands.h"
#include "client/commands/worker_table.h"

namespace joinery::client {
namespace {

struct WorkersArguments {
  std::string drain;
  std::string resume;
};

absl::Status Workers(Invocation& invocation, const WorkersArguments& arguments) {
  ASSIGN_OR_RETURN(Session* const session, invocation.Connect());
  if (!arguments.drain.empty()) RETURN_IF_ERROR(session->SetWorkerDrain(arguments.drain, true).status());
  if (!arguments.resume.empty()) RETURN_IF_ERROR(session->SetWorkerDrain(arguments.resume, false).status());
  ASSIGN_OR_RETURN(const std::vector<v1::Worker> workers, session->ListWorkers());
  return PrintWorkers(invocation, workers);
}

}  // namespace

void AddWorkers(CLI::App& parent, Command* command) {
  CLI::App& workers = *parent.add_subcommand("workers", "Who runs the jobs, as heard of in the last hour");
  const auto arguments = std::make_shared<WorkersArguments>();
  workers.add_option("--drain", arguments->drain, "First: give this worker no more jobs (for administrators)")
      ->type_name("NAME");
  workers.add_option("--resume", arguments->resume, "First: give this worker jobs again")->type_name("NAME");
  workers.footer("Examples:\n  joinery workers\n  joinery workers --json\n  joinery workers --drain lab-3");
  workers.callback([arguments, command] {
    *command = [arguments](Invocation& invocation) { return Workers(invocation, *arguments); };
  });
}

}  // namespace joinery::client
