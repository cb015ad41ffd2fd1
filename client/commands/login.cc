#include <unistd.h>

#include <filesystem>
#include <memory>
#include <string>

#include "absl/strings/str_cat.h"
#include "base/status.h"
#include "client/commands/commands.h"
#include "client/error.h"
#include "client/json.h"
#include "client/logins.h"
#include "client/terminal_input.h"

namespace joinery::client {
namespace {

absl::StatusOr<std::string> ServerOf(const Invocation& invocation, const std::string& argument) {
  return FindServer(argument.empty() ? invocation.options().server : argument, invocation.environment());
}

// The one of --token-file or the environment, else what is typed or piped in.
absl::StatusOr<std::string> GetToken(const Invocation& invocation, const std::string& server) {
  credentials::Sources sources;
  sources.token_file = invocation.options().credentials.token_file;
  if (sources.token_file.empty()) {
    sources.token = invocation.environment()("JOINERY_TOKEN").value_or("");
    sources.token_file = invocation.environment()("JOINERY_TOKEN_FILE").value_or("");
  }
  if (sources.token.empty() && sources.token_file.empty()) {
    ASSIGN_OR_RETURN(sources.token, ReadSecretLine(STDIN_FILENO, absl::StrCat("Token for ", server, ": ")));
    if (credentials::ReadCredentials(sources).ok()) return sources.token;
    return absl::InvalidArgumentError(
        "what was given is no token: it should be the one line that joinery admin token "
        "create printed");
  }
  absl::StatusOr<credentials::Credentials> read = credentials::ReadCredentials(sources);
  if (read.ok()) return read->token;
  return absl::IsInvalidArgument(read.status()) ? read.status() : LocalIo(read.status());
}

std::string Absolute(const std::string& path) {
  return path.empty() || path == credentials::kSystemAuthorities ? path : std::filesystem::absolute(path).string();
}

absl::Status Login(Invocation& invocation, const std::string& argument) {
  ConfigFile login;
  ASSIGN_OR_RETURN(login.server, ServerOf(invocation, argument));
  ASSIGN_OR_RETURN(login.token, GetToken(invocation, login.server));
  ASSIGN_OR_RETURN(const credentials::Sources sources,
                   FindCredentials(invocation.options().credentials, login.server, invocation.environment()));
  login.tls_ca = Absolute(sources.tls_ca);
  login.tls_cert = Absolute(sources.tls_cert);
  login.tls_key = Absolute(sources.tls_key);
  invocation.UseLogin(login.server, login.token);
  ASSIGN_OR_RETURN(Session* const session, invocation.Connect());
  ASSIGN_OR_RETURN(const v1::WhoAmIResponse me, session->WhoAmI());
  RETURN_IF_ERROR(SaveLogin(login, invocation.environment()));
  if (invocation.options().json) {
    ASSIGN_OR_RETURN(const std::string document, JsonDocumentOf(me));
    return invocation.console().Print(document);
  }
  invocation.Note(absl::StrCat("logged in to ", login.server, " as ", me.user(), " of project ", me.project(),
                               me.has_expires_at() ? absl::StrCat(", until ", FormatTimestamp(me.expires_at())) : ""));
  return absl::OkStatus();
}

absl::Status Logout(Invocation& invocation, const std::string& argument) {
  ASSIGN_OR_RETURN(const std::string server, ServerOf(invocation, argument));
  ASSIGN_OR_RETURN(const bool was_there, RemoveLogin(server, invocation.environment()));
  if (invocation.options().json) {
    return invocation.console().Print(
        JsonObject(
            {{"schema", "\"v1\""}, {"server", JsonString(server)}, {"was_logged_in", was_there ? "true" : "false"}}) +
        "\n");
  }
  invocation.Note(was_there ? absl::StrCat("logged out of ", server, "; the token still holds elsewhere")
                            : absl::StrCat("there was no login to ", server));
  return absl::OkStatus();
}

}  // namespace

void AddLogin(CLI::App& parent, Command* command) {
  CLI::App& login = *parent.add_subcommand("login", "Keep a server and your token for it, for all later commands");
  const auto server = std::make_shared<std::string>();
  login.add_option("SERVER", *server, "HOST:PORT; as --server")->type_name("");
  login.footer(
      "The token is asked for, or read from --token-file, JOINERY_TOKEN or the standard input. It is kept in a file\n"
      "that only you can read, ~/.config/joinery/logins/, with --tls-ca and its like. The server is then used until "
      "you\n"
      "log in to another or log out; --server goes to others that you have logged in to.\n"
      "\n"
      "Examples:\n"
      "  joinery login build.example:7420 --tls-ca ca.pem\n"
      "  joinery login build.example < ann.token");
  login.callback(
      [server, command] { *command = [server](Invocation& invocation) { return Login(invocation, *server); }; });
}

void AddLogout(CLI::App& parent, Command* command) {
  CLI::App& logout = *parent.add_subcommand("logout", "Forget a server and the token for it");
  const auto server = std::make_shared<std::string>();
  logout.add_option("SERVER", *server, "HOST:PORT; default: the one in use")->type_name("");
  logout.footer("Examples:\n  joinery logout\n  joinery logout build.example:7420");
  logout.callback(
      [server, command] { *command = [server](Invocation& invocation) { return Logout(invocation, *server); }; });
}

}  // namespace joinery::client
