// The commands of `joinery`, one file each. An Add... function adds its command, with options and help, below `parent`;
// when a command line names it, `*command` becomes what is to be run. `*command` must outlive `parent`.
#pragma once

#include <CLI/CLI.hpp>

#include "client/commands/invocation.h"

namespace joinery::client {

void AddBuild(CLI::App& parent, Command* command);
void AddSubmit(CLI::App& parent, Command* command);
void AddCheck(CLI::App& parent, Command* command);
void AddJobs(CLI::App& parent, Command* command);
void AddFetch(CLI::App& parent, Command* command);
void AddWorkers(CLI::App& parent, Command* command);
void AddInfo(CLI::App& parent, Command* command);
void AddLogin(CLI::App& parent, Command* command);
void AddLogout(CLI::App& parent, Command* command);
void AddWhoAmI(CLI::App& parent, Command* command);
void AddAdmin(CLI::App& parent, Command* command);
void AddCompletion(CLI::App& parent, Command* command);
void AddVersion(CLI::App& parent, Command* command);

// Below `jobs`.
void AddJobsList(CLI::App& parent, Command* command);
void AddJobsShow(CLI::App& parent, Command* command);
void AddJobsWatch(CLI::App& parent, Command* command);
void AddJobsLogs(CLI::App& parent, Command* command);
void AddJobsCancel(CLI::App& parent, Command* command);

// Below `admin`.
void AddAdminToken(CLI::App& parent, Command* command);
void AddAdminQuota(CLI::App& parent, Command* command);
void AddAdminUser(CLI::App& parent, Command* command);
void AddAdminProject(CLI::App& parent, Command* command);
void AddAdminWorker(CLI::App& parent, Command* command);
void AddAdminQueue(CLI::App& parent, Command* command);
void AddAdminAudit(CLI::App& parent, Command* command);

}  // namespace joinery::client
