#include <string>
#include <vector>

#include "absl/strings/str_cat.h"
#include "absl/strings/str_join.h"
#include "base/status.h"
#include "client/commands/account.h"
#include "client/commands/commands.h"
#include "client/json.h"

namespace joinery::client {
namespace {

absl::Status ListUsers(Invocation& invocation) {
  ASSIGN_OR_RETURN(Session* const session, invocation.Connect());
  ASSIGN_OR_RETURN(const v1::ListUsersResponse response, session->ListUsers());
  if (invocation.options().json) {
    ASSIGN_OR_RETURN(const std::string document, JsonListOf(response.users(), ""));
    return invocation.console().Print(document);
  }
  Table table{{"NAME", "PROJECTS", "TOKENS", "LAST USED", "QUEUED", "RUNNING", "BLOBS"}, {}};
  for (const v1::User& user : response.users()) {
    table.rows.push_back({user.name(), absl::StrJoin(user.projects(), ","), absl::StrCat(user.valid_tokens()),
                          user.has_last_used_at() ? FormatTimestamp(user.last_used_at()) : "never",
                          DescribeQueuedJobs(user.account()), DescribeRunningJobs(user.account()),
                          DescribeBlobBytes(user.account())});
  }
  return invocation.PrintTable(table);
}

absl::Status ListProjects(Invocation& invocation) {
  ASSIGN_OR_RETURN(Session* const session, invocation.Connect());
  ASSIGN_OR_RETURN(const v1::ListUsersResponse response, session->ListUsers());
  if (invocation.options().json) {
    ASSIGN_OR_RETURN(const std::string document, JsonListOf(response.projects(), ""));
    return invocation.console().Print(document);
  }
  Table table{{"NAME", "QUEUED", "RUNNING", "BLOBS"}, {}};
  for (const v1::Project& project : response.projects()) {
    table.rows.push_back({project.name(), DescribeQueuedJobs(project.account()), DescribeRunningJobs(project.account()),
                          DescribeBlobBytes(project.account())});
  }
  return invocation.PrintTable(table);
}

}  // namespace

void AddAdminUser(CLI::App& parent, Command* command) {
  CLI::App& user = *parent.add_subcommand("user", "Who uses the server, and how much of it");
  user.require_subcommand(1);
  user.footer("Example:\n  joinery admin user list");
  CLI::App& list = *user.add_subcommand("list", "Everybody with a valid token, jobs or blobs, and the use of quotas");
  list.footer("Examples:\n  joinery admin user list\n  joinery admin user list --json");
  list.callback([command] { *command = ListUsers; });
}

void AddAdminProject(CLI::App& parent, Command* command) {
  CLI::App& project = *parent.add_subcommand("project", "Which projects use the server, and how much of it");
  project.require_subcommand(1);
  project.footer("Example:\n  joinery admin project list");
  CLI::App& list = *project.add_subcommand("list", "All projects, and the use of their quotas");
  list.footer("Examples:\n  joinery admin project list\n  joinery admin project list --json");
  list.callback([command] { *command = ListProjects; });
}

}  // namespace joinery::client
