#include "client/commands/commands.h"

namespace joinery::client {

void AddAdmin(CLI::App& parent, Command* command) {
  CLI::App& admin =
      *parent.add_subcommand("admin", "Users, tokens, limits, workers, queue and audit log, for operators");
  admin.require_subcommand(1);
  admin.footer(
      "Needs a token of scope admin. The first one is made on the server's host: joineryd token create.\n"
      "\n"
      "Examples:\n"
      "  joinery admin token create --user ann --project vision > ann.token\n"
      "  joinery admin quota set --project vision --blob-bytes 100GiB\n"
      "  joinery admin queue show\n"
      "  joinery admin audit --since 24h");
  AddAdminToken(admin, command);
  AddAdminQuota(admin, command);
  AddAdminUser(admin, command);
  AddAdminProject(admin, command);
  AddAdminWorker(admin, command);
  AddAdminQueue(admin, command);
  AddAdminAudit(admin, command);
}

}  // namespace joinery::client
