#include "base/version.h"

#include "absl/strings/str_cat.h"
#include "client/commands/commands.h"
#include "client/json.h"

namespace joinery::client {
namespace {

absl::Status Version(Invocation& invocation) {
  if (invocation.options().json) {
    return invocation.console().Print(
        JsonObject({{"schema", "\"v1\""}, {"client_version", JsonString(base::kVersion)}}) + "\n");
  }
  return invocation.console().Print(absl::StrCat("joinery ", base::kVersion, "\n"));
}

}  // namespace

void AddVersion(CLI::App& parent, Command* command) {
  CLI::App& version = *parent.add_subcommand("version", "The version of this program; the server's is in `info`");
  version.footer("Examples:\n  joinery version\n  joinery version --json");
  version.callback([command] { *command = Version; });
}

}  // namespace joinery::client
