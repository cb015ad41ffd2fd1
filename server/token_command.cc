#include "server/token_command.h"

#include <filesystem>
#include <system_error>

#include "base/clock.h"
#include "base/lifetime.h"
#include "base/status.h"
#include "server/access/administration.h"
#include "storage/random_source.h"
#include "storage/sqlite/access_store.h"

namespace joinery::server {

TokenCommand::TokenCommand(CLI::App& app) {
  CLI::App& token = *app.add_subcommand("token", "Tokens, made on this host");
  token.require_subcommand(1);
  token.fallthrough();
  create_ = token.add_subcommand("create", "Make a token; it is printed once and kept nowhere");
  create_->fallthrough();
  create_->add_option("--user", user_, "Whose it is")->type_name("NAME")->required();
  create_->add_option("--project", project_, "Whose jobs and blobs it opens")->type_name("NAME")->capture_default_str();
  create_->add_option("--scope", scopes_, "submit, work and admin, with commas between them")
      ->type_name("SCOPES")
      ->delimiter(',')
      ->capture_default_str();
  create_->add_option("--expires", expires_, "When it ends: 30d, 12h, or never")
      ->type_name("TIME")
      ->capture_default_str();
  create_->add_option("--note", note_, "What for, for those who list tokens")->type_name("TEXT");
  create_->footer(
      "Example:\n"
      "  joineryd token create --user ann --project vision --scope submit,admin --expires 30d");
}

std::optional<absl::StatusOr<int>> TokenCommand::Run(const std::string& data_folder, std::ostream& out) {
  if (!create_->parsed()) return std::nullopt;
  if (const absl::Status status = Create(data_folder, out); !status.ok()) return status;
  return 0;
}

absl::Status TokenCommand::Create(const std::string& data_folder, std::ostream& out) {
  std::error_code error;
  std::filesystem::create_directories(data_folder, error);
  if (error) return base::ErrnoStatus(error.value(), "cannot create the data folder " + data_folder);
  const base::RealClock clock;
  ASSIGN_OR_RETURN(const auto store,
                   storage::SqliteAccessStore::Open({.path = data_folder + "/joinery.db", .vfs = ""}));
  ASSIGN_OR_RETURN(const absl::Duration lifetime, base::ParseLifetime(expires_));
  access::Administration administration(*store, clock, storage::SystemRandomBytes);
  ASSIGN_OR_RETURN(const access::NewToken token,
                   administration.CreateToken(
                       storage::ConsoleActor(),
                       {.user = user_, .project = project_, .scopes = scopes_, .lifetime = lifetime, .note = note_}));
  out << token.text << '\n';
  return absl::OkStatus();
}

}  // namespace joinery::server
