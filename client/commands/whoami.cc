#include <string>

#include "absl/strings/str_join.h"
#include "base/status.h"
#include "client/commands/account.h"
#include "client/commands/commands.h"
#include "client/json.h"

namespace joinery::client {
namespace {

absl::Status WhoAmI(Invocation& invocation) {
  ASSIGN_OR_RETURN(const std::string address, FindServer(invocation.options().server, invocation.environment()));
  ASSIGN_OR_RETURN(Session* const session, invocation.Connect());
  ASSIGN_OR_RETURN(const v1::WhoAmIResponse me, session->WhoAmI());
  if (invocation.options().json) {
    ASSIGN_OR_RETURN(const std::string document, JsonDocumentOf(me));
    return invocation.console().Print(document);
  }
  const bool has_token = !me.token_id().empty();
  const std::string expiry = me.has_expires_at() ? FormatTimestamp(me.expires_at()) : "never";
  return invocation.PrintTable({{"FIELD", "VALUE"},
                                {{"user", me.user()},
                                 {"project", me.project()},
                                 {"scopes", absl::StrJoin(me.scopes(), ", ")},
                                 {"server", address},
                                 {"token", has_token ? me.token_id() : "none needed"},
                                 {"expires", has_token ? expiry : "never"},
                                 {"your queued jobs", DescribeQueuedJobs(me.user_account())},
                                 {"your running jobs", DescribeRunningJobs(me.user_account())},
                                 {"your blobs", DescribeBlobBytes(me.user_account())},
                                 {"the project's queued jobs", DescribeQueuedJobs(me.project_account())},
                                 {"the project's running jobs", DescribeRunningJobs(me.project_account())},
                                 {"the project's blobs", DescribeBlobBytes(me.project_account())}}});
}

}  // namespace

void AddWhoAmI(CLI::App& parent, Command* command) {
  CLI::App& whoami = *parent.add_subcommand("whoami", "Whom the server takes you for, and what is left of your quota");
  whoami.footer("Examples:\n  joinery whoami\n  joinery whoami --json");
  whoami.callback([command] { *command = WhoAmI; });
}

}  // namespace joinery::client
