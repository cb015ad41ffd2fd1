#include "client/config_file.h"

#include <cstdlib>
#include <filesystem>
#include <utility>
#include <vector>

#include "absl/strings/ascii.h"
#include "absl/strings/match.h"
#include "absl/strings/str_cat.h"
#include "absl/strings/str_split.h"
#include "base/file.h"
#include "base/status.h"
#include "client/error.h"
#include "client/logins.h"
#include "client/nearest.h"

namespace joinery::client {
namespace {

constexpr int64_t kMaxConfigSize = 64 * 1024;
constexpr char kDefaultPort[] = "7420";

absl::Status LineError(const std::string& path, int line, absl::string_view message) {
  return absl::InvalidArgumentError(absl::StrCat(path, ":", line, ": ", message));
}

// `"value"`, perhaps with a comment after it. nullopt if it is not that.
std::optional<std::string> ParseString(absl::string_view text) {
  if (text.empty() || text.front() != '"') return std::nullopt;
  std::string value;
  for (size_t i = 1; i < text.size(); ++i) {
    if (text[i] == '\\') {
      if (++i == text.size() || (text[i] != '"' && text[i] != '\\')) return std::nullopt;
    } else if (text[i] == '"') {
      const absl::string_view rest = absl::StripAsciiWhitespace(text.substr(i + 1));
      if (!rest.empty() && rest.front() != '#') return std::nullopt;
      return value;
    }
    value += text[i];
  }
  return std::nullopt;
}

absl::Status UnknownKey(const std::string& path, int line, absl::string_view key) {
  const std::string nearest = Nearest(key, {"server", "token_file", "tls_ca", "tls_cert", "tls_key"});
  const absl::Status status = LineError(path, line, absl::StrCat("unknown key \"", key, "\""));
  return WithFix(status, nearest.empty() ? "the keys are server, token_file, tls_ca, tls_cert and tls_key"
                                         : absl::StrCat("did you mean ", nearest, "?"));
}

// Where the value of `key` goes; nullptr if there is no such key.
std::string* FieldFor(absl::string_view key, ConfigFile& config) {
  if (key == "server") return &config.server;
  if (key == "token") return &config.token;
  if (key == "token_file") return &config.token_file;
  if (key == "tls_ca") return &config.tls_ca;
  if (key == "tls_cert") return &config.tls_cert;
  if (key == "tls_key") return &config.tls_key;
  return nullptr;
}

// Nothing is set if there is no file.
absl::StatusOr<ConfigFile> ReadConfigFile(const std::string& path) {
  if (path.empty()) return ConfigFile();
  const absl::StatusOr<std::string> text = base::ReadFile(path, kMaxConfigSize);
  if (absl::IsNotFound(text.status())) return ConfigFile();
  if (!text.ok()) return LocalIo(text.status());
  ASSIGN_OR_RETURN(ConfigFile config, ParseConfigFile(*text, path));
  if (config.token.empty()) return config;
  return WithFix(absl::InvalidArgumentError(absl::StrCat(path, ": a token does not belong here")),
                 "put it into a file of its own and name that with token_file, or use joinery login");
}

std::string FirstOf(const std::string& flag, const std::string& variable, const Environment& environment,
                    const std::string& configured) {
  return flag.empty() ? environment(variable).value_or(configured) : flag;
}

// A path of the configuration file at `config_path`.
std::string Beside(const std::string& config_path, const std::string& path) {
  if (path.empty() || path == credentials::kSystemAuthorities) return path;
  return (std::filesystem::path(config_path).parent_path() / path).string();
}

std::string UserFolder(const Environment& environment, const std::string& variable, absl::string_view below_home) {
  // A relative path in these variables is to be ignored, says the XDG specification.
  if (const auto folder = environment(variable); folder.has_value() && absl::StartsWith(*folder, "/")) {
    return absl::StrCat(*folder, "/joinery");
  }
  const auto home = environment("HOME");
  return home.has_value() ? absl::StrCat(*home, "/", below_home, "/joinery") : "";
}

}  // namespace

absl::StatusOr<std::string> WithPort(const std::string& server, absl::string_view origin) {
  if (absl::StrContains(server, "://") || absl::StrContains(server, "/") || absl::StrContains(server, " ")) {
    return WithFix(absl::InvalidArgumentError(absl::StrCat("\"", server, "\" (", origin, ") is not HOST:PORT")),
                   absl::StrCat("write it like ", kDefaultServer));
  }
  const size_t colon = server.rfind(':');
  const size_t bracket = server.rfind(']');
  const bool has_port = colon != std::string::npos && (bracket == std::string::npos || colon > bracket);
  return has_port ? server : absl::StrCat(server, ":", kDefaultPort);
}

Environment ProcessEnvironment() {
  return [](const std::string& name) -> std::optional<std::string> {
    const char* const value = std::getenv(name.c_str());
    if (value == nullptr || *value == '\0') return std::nullopt;
    return value;
  };
}

absl::StatusOr<ConfigFile> ParseConfigFile(absl::string_view text, const std::string& path) {
  ConfigFile config;
  int line_number = 0;
  for (const absl::string_view untrimmed : absl::StrSplit(text, '\n')) {
    ++line_number;
    const absl::string_view line = absl::StripAsciiWhitespace(untrimmed);
    if (line.empty() || line.front() == '#') continue;
    const size_t equals = line.find('=');
    if (equals == absl::string_view::npos) return LineError(path, line_number, "expected key = \"value\"");
    const absl::string_view key = absl::StripAsciiWhitespace(line.substr(0, equals));
    std::string* const field = FieldFor(key, config);
    if (field == nullptr) return UnknownKey(path, line_number, key);
    if (!field->empty()) return LineError(path, line_number, absl::StrCat(key, " is set twice"));
    std::optional<std::string> value = ParseString(absl::StripAsciiWhitespace(line.substr(equals + 1)));
    if (!value.has_value()) {
      return LineError(path, line_number, absl::StrCat("expected a value in double quotes after ", key, " ="));
    }
    if (value->empty()) return LineError(path, line_number, absl::StrCat(key, " is empty"));
    *field = *std::move(value);
  }
  return config;
}

std::string ConfigFilePath(const Environment& environment) {
  const std::string folder = UserFolder(environment, "XDG_CONFIG_HOME", ".config");
  return folder.empty() ? "" : absl::StrCat(folder, "/config.toml");
}

std::string StateFolder(const Environment& environment) {
  return UserFolder(environment, "XDG_STATE_HOME", ".local/state");
}

absl::StatusOr<std::string> FindServer(const std::string& flag, const Environment& environment) {
  if (!flag.empty()) return WithPort(flag, "--server");
  if (const auto variable = environment("JOINERY_SERVER"); variable.has_value()) {
    return WithPort(*variable, "JOINERY_SERVER");
  }
  ASSIGN_OR_RETURN(const std::string login, CurrentLogin(environment));
  if (!login.empty()) return WithPort(login, "joinery login");
  const std::string path = ConfigFilePath(environment);
  ASSIGN_OR_RETURN(const ConfigFile config, ReadConfigFile(path));
  return config.server.empty() ? kDefaultServer : WithPort(config.server, path);
}

absl::StatusOr<credentials::Sources> FindCredentials(const credentials::Sources& flags, const std::string& server,
                                                     const Environment& environment) {
  const std::string path = ConfigFilePath(environment);
  ASSIGN_OR_RETURN(ConfigFile config, ReadConfigFile(path));
  if (!config.server.empty()) {
    ASSIGN_OR_RETURN(const std::string configured_server, WithPort(config.server, path));
    // A secret of one server is no business of another.
    if (configured_server != server) config = ConfigFile();
  }
  ASSIGN_OR_RETURN(const ConfigFile login, ReadLogin(server, environment));
  credentials::Sources found;
  found.token = flags.token;
  found.token_file = flags.token_file;
  if (found.token.empty() && found.token_file.empty()) {
    found.token = environment("JOINERY_TOKEN").value_or("");
    found.token_file = environment("JOINERY_TOKEN_FILE").value_or("");
  }
  if (found.token.empty() && found.token_file.empty()) {
    found.token = login.token;
    if (login.token.empty()) found.token_file = Beside(path, config.token_file);
  }
  const auto or_login = [](const std::string& kept, const std::string& configured) {
    return kept.empty() ? configured : kept;
  };
  found.tls_ca =
      FirstOf(flags.tls_ca, "JOINERY_TLS_CA", environment, or_login(login.tls_ca, Beside(path, config.tls_ca)));
  found.tls_cert =
      FirstOf(flags.tls_cert, "JOINERY_TLS_CERT", environment, or_login(login.tls_cert, Beside(path, config.tls_cert)));
  found.tls_key =
      FirstOf(flags.tls_key, "JOINERY_TLS_KEY", environment, or_login(login.tls_key, Beside(path, config.tls_key)));
  return found;
}

}  // namespace joinery::client
