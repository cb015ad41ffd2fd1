// What `joinery login` keeps between runs: for each server the token and how to reach it, in a file that its owner
// alone can read, and which server was logged in to last. The files are those of ParseConfigFile with a token in them.
#pragma once

#include <string>

#include "absl/status/status.h"
#include "absl/status/statusor.h"
#include "client/config_file.h"

namespace joinery::client {

// ${XDG_CONFIG_HOME:-~/.config}/joinery/logins; empty if there is no home.
std::string LoginFolder(const Environment& environment);

// What is kept for `server` (HOST:PORT as FindServer answers); nothing is set if that is nothing.
absl::StatusOr<ConfigFile> ReadLogin(const std::string& server, const Environment& environment);

// The server that was logged in to last, unless it was logged out of; empty if there is none.
absl::StatusOr<std::string> CurrentLogin(const Environment& environment);

// Keeps it for its server, which becomes the current one. Errors: kFailedPrecondition there is no home · those of the
// files.
absl::Status SaveLogin(const ConfigFile& login, const Environment& environment);

// False if nothing was kept.
absl::StatusOr<bool> RemoveLogin(const std::string& server, const Environment& environment);

}  // namespace joinery::client
