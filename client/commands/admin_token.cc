#include <memory>
#include <string>
#include <vector>

#include "absl/strings/str_cat.h"
#include "absl/strings/str_join.h"
#include "base/lifetime.h"
#include "base/status.h"
#include "client/commands/commands.h"
#include "client/json.h"

namespace joinery::client {
namespace {

struct CreateArguments {
  std::string user;
  std::string project = "default";
  std::vector<std::string> scopes = {"submit"};
  std::string expires = "90d";
  std::string note;
};

absl::Status Create(Invocation& invocation, const CreateArguments& arguments) {
  v1::CreateTokenRequest request;
  request.set_user(arguments.user);
  request.set_project(arguments.project);
  for (const std::string& scope : arguments.scopes) request.add_scopes(scope);
  ASSIGN_OR_RETURN(const absl::Duration lifetime, base::ParseLifetime(arguments.expires));
  if (lifetime == absl::InfiniteDuration()) {
    request.set_forever(true);
  } else {
    request.mutable_lifetime()->set_seconds(absl::ToInt64Seconds(lifetime));
  }
  request.set_note(arguments.note);
  ASSIGN_OR_RETURN(Session* const session, invocation.Connect());
  ASSIGN_OR_RETURN(const v1::CreateTokenResponse response, session->CreateToken(request));
  if (invocation.options().json) {
    ASSIGN_OR_RETURN(const std::string document, JsonDocumentOf(response));
    return invocation.console().Print(document);
  }
  RETURN_IF_ERROR(invocation.console().Print(absl::StrCat(response.secret(), "\n")));
  invocation.Note(absl::StrCat("token ", response.token().id(), " of ", response.token().user(),
                               "; it is shown this once and kept nowhere"));
  return absl::OkStatus();
}

std::string StateOf(const v1::Token& token, absl::Time now) {
  if (token.has_revoked_at()) return "revoked";
  if (token.has_expires_at() && absl::FromUnixSeconds(token.expires_at().seconds()) <= now) return "expired";
  return "valid";
}

absl::Status List(Invocation& invocation) {
  ASSIGN_OR_RETURN(Session* const session, invocation.Connect());
  ASSIGN_OR_RETURN(const std::vector<v1::Token> tokens, session->ListTokens());
  if (invocation.options().json) {
    ASSIGN_OR_RETURN(const std::string document, JsonListOf(tokens, ""));
    return invocation.console().Print(document);
  }
  Table table{{"ID", "STATE", "USER", "PROJECT", "SCOPES", "EXPIRES", "LAST USED", "NOTE"}, {}};
  table.rows.reserve(tokens.size());
  for (const v1::Token& token : tokens) {
    table.rows.push_back({token.id(), StateOf(token, invocation.clock().Now()), token.user(), token.project(),
                          absl::StrJoin(token.scopes(), ","),
                          token.has_expires_at() ? FormatTimestamp(token.expires_at()) : "never",
                          token.has_last_used_at() ? FormatTimestamp(token.last_used_at()) : "never", token.note()});
  }
  return invocation.PrintTable(table);
}

absl::Status Revoke(Invocation& invocation, const std::string& id) {
  ASSIGN_OR_RETURN(Session* const session, invocation.Connect());
  ASSIGN_OR_RETURN(const v1::Token token, session->RevokeToken(id));
  if (invocation.options().json) {
    ASSIGN_OR_RETURN(const std::string document, JsonDocumentOf(token));
    return invocation.console().Print(document);
  }
  invocation.Note(absl::StrCat("token ", token.id(), " of ", token.user(), " is refused from now on"));
  return absl::OkStatus();
}

void AddCreate(CLI::App& parent, Command* command) {
  CLI::App& create = *parent.add_subcommand("create", "Make a token; it is printed once and kept nowhere");
  const auto arguments = std::make_shared<CreateArguments>();
  create.add_option("--user", arguments->user, "Whose it is")->type_name("NAME")->required();
  create.add_option("--project", arguments->project, "Whose jobs and blobs it opens")
      ->type_name("NAME")
      ->capture_default_str();
  create.add_option("--scope", arguments->scopes, "submit, work and admin, with commas between them")
      ->type_name("SCOPES")
      ->delimiter(',')
      ->capture_default_str();
  create.add_option("--expires", arguments->expires, "When it ends: 30d, 12h, or never")
      ->type_name("TIME")
      ->capture_default_str();
  create.add_option("--note", arguments->note, "What for, for those who list tokens")->type_name("TEXT");
  create.footer(
      "Examples:\n"
      "  joinery admin token create --user ann --project vision > ann.token\n"
      "  joinery admin token create --user lab-3 --scope work --expires never > worker.token");
  create.callback([arguments, command] {
    *command = [arguments](Invocation& invocation) { return Create(invocation, *arguments); };
  });
}

void AddList(CLI::App& parent, Command* command) {
  CLI::App& list = *parent.add_subcommand("list", "All tokens that were ever made, the newest first");
  list.footer("Examples:\n  joinery admin token list\n  joinery admin token list --json");
  list.callback([command] { *command = List; });
}

void AddRevoke(CLI::App& parent, Command* command) {
  CLI::App& revoke = *parent.add_subcommand("revoke", "Refuse a token from now on");
  const auto id = std::make_shared<std::string>();
  revoke.add_option("ID", *id, "The token's id, as `joinery admin token list` shows it")->required();
  revoke.footer("Example:\n  joinery admin token revoke 3f2a9c0d11e84b77");
  revoke.callback([id, command] { *command = [id](Invocation& invocation) { return Revoke(invocation, *id); }; });
}

}  // namespace

void AddAdminToken(CLI::App& parent, Command* command) {
  CLI::App& token = *parent.add_subcommand("token", "Make, list and revoke tokens");
  token.require_subcommand(1);
  token.footer(
      "Examples:\n"
      "  joinery admin token create --user ann --project vision > ann.token\n"
      "  joinery admin token list\n"
      "  joinery admin token revoke 3f2a9c0d11e84b77");
  AddCreate(token, command);
  AddList(token, command);
  AddRevoke(token, command);
}

}  // namespace joinery::client
