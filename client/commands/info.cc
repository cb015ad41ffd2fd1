#include <string>

#include "absl/strings/str_cat.h"
#include "base/status.h"
#include "base/version.h"
#include "client/commands/commands.h"
#include "client/json.h"

namespace joinery::client {
namespace {

absl::Status Info(Invocation& invocation) {
  ASSIGN_OR_RETURN(const std::string address, FindServer(invocation.options().server, invocation.environment()));
  ASSIGN_OR_RETURN(Session* const session, invocation.Connect());
  ASSIGN_OR_RETURN(const v1::ServerInfo info, session->GetServerInfo());
  if (invocation.options().json) {
    ASSIGN_OR_RETURN(std::string server, JsonOf(info));
    return invocation.console().Print(JsonObject({{"schema", "\"v1\""},
                                                  {"address", JsonString(address)},
                                                  {"client_version", JsonString(base::kVersion)},
                                                  {"server", server}}) +
                                      "\n");
  }
  return invocation.PrintTable({{"FIELD", "VALUE"},
                                {{"server", address},
                                 {"server version", info.version()},
                                 {"client version", base::kVersion},
                                 {"uptime", absl::FormatDuration(absl::Seconds(info.uptime().seconds()))},
                                 {"live workers", absl::StrCat(info.live_workers())},
                                 {"queued jobs", absl::StrCat(info.queued_jobs())},
                                 {"running jobs", absl::StrCat(info.running_jobs())},
                                 {"gives jobs to workers", info.drained() ? "no, it is drained" : "yes"},
                                 {"blobs", absl::StrCat(info.blob_count(), " (", FormatBytes(info.blob_bytes()), ")")},
                                 {"largest upload", FormatBytes(info.max_blob_size())},
                                 {"free space", FormatBytes(info.free_bytes())}}});
}

}  // namespace

void AddInfo(CLI::App& parent, Command* command) {
  CLI::App& info = *parent.add_subcommand("info", "The server: version, queue, space");
  info.footer("Examples:\n  joinery info\n  joinery info --server build-host:7420 --json");
  info.callback([command] { *command = Info; });
}

}  // namespace joinery::client
