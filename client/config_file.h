// Which server to talk to, and what to prove oneself with: from the command line, the environment, the user's
// configuration file, or the default.
#pragma once

#include <functional>
#include <optional>
#include <string>

#include "absl/status/statusor.h"
#include "absl/strings/string_view.h"
#include "credentials/credentials.h"

namespace joinery::client {

// The value of an environment variable; nullopt if it is unset or empty.
using Environment = std::function<std::optional<std::string>(const std::string& name)>;
Environment ProcessEnvironment();

inline constexpr char kDefaultServer[] = "127.0.0.1:7420";

// Empty: not set.
struct ConfigFile {
  std::string server;
  // In the files of logins alone.
  std::string token;
  std::string token_file;
  std::string tls_ca;
  std::string tls_cert;
  std::string tls_key;
};

// Lines `key = "value"`, empty lines, and `#` comments: a small part of TOML, read strictly. `path` is for messages.
// kInvalidArgument "PATH:LINE: what is wrong".
absl::StatusOr<ConfigFile> ParseConfigFile(absl::string_view text, const std::string& path);

// ${XDG_CONFIG_HOME:-~/.config}/joinery/config.toml; empty if there is no home.
std::string ConfigFilePath(const Environment& environment);

// ${XDG_STATE_HOME:-~/.local/state}/joinery: what is remembered between runs; empty if there is no home.
std::string StateFolder(const Environment& environment);

// `server` with a port, 7420 if it has none. `origin` is for messages. Errors: kInvalidArgument.
absl::StatusOr<std::string> WithPort(const std::string& server, absl::string_view origin);

// HOST:PORT: `flag` if not empty, else JOINERY_SERVER, else the one logged in to last, else the configuration file's,
// else kDefaultServer. A missing configuration file is fine, a wrong one is not.
absl::StatusOr<std::string> FindServer(const std::string& flag, const Environment& environment);

// Each of `flags` if not empty, else JOINERY_TOKEN, JOINERY_TOKEN_FILE, JOINERY_TLS_CA, ..., else what a login kept for
// `server`, else the configuration file's, whose relative paths begin at its folder. The file's token is for the file's
// server only, if it names one: `server`, as FindServer answers, may be another.
absl::StatusOr<credentials::Sources> FindCredentials(const credentials::Sources& flags, const std::string& server,
                                                     const Environment& environment);

}  // namespace joinery::client
