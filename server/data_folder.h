// The folder with all that the server keeps.
#pragma once

#include <string>

#include "absl/status/statusor.h"
#include "base/file.h"

namespace joinery::server {

// $XDG_DATA_HOME/joinery, or ~/.local/share/joinery. Errors: kFailedPrecondition neither XDG_DATA_HOME nor HOME is set.
absl::StatusOr<std::string> DefaultDataFolder();

// Creates the folder, with those above it, and takes it for this process for as long as the descriptor is open.
// Errors: kFailedPrecondition another server has it · those of the system calls, naming the path.
absl::StatusOr<base::UniqueFd> ClaimDataFolder(const std::string& folder);

}  // namespace joinery::server
