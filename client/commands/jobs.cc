#include "client/commands/commands.h"

namespace joinery::client {

void AddJobs(CLI::App& parent, Command* command) {
  CLI::App& jobs = *parent.add_subcommand("jobs", "List, show, watch and cancel jobs, and read their logs");
  jobs.require_subcommand(1);
  jobs.footer(
      "ID is a job's id, the beginning of one, or @last.\n"
      "\n"
      "Examples:\n"
      "  joinery jobs list --state running\n"
      "  joinery jobs watch @last\n"
      "  joinery jobs list -q --state queued | xargs -n1 joinery jobs cancel");
  AddJobsList(jobs, command);
  AddJobsShow(jobs, command);
  AddJobsWatch(jobs, command);
  AddJobsLogs(jobs, command);
  AddJobsCancel(jobs, command);
}

}  // namespace joinery::client
