// Keeps those apart who remove blobs and those who must find all of them: a server and a backup are two processes.
#pragma once

#include <optional>
#include <string>

#include "absl/status/statusor.h"
#include "base/file.h"

namespace joinery::server {

// For who removes blobs of the data folder, held as long as the descriptor is open. nullopt while somebody has the
// other lock.
absl::StatusOr<std::optional<base::UniqueFd>> LockToRemoveBlobs(const std::string& folder);

// For who must find all blobs: none is removed while the descriptor is open. Waits for a removal to end.
absl::StatusOr<base::UniqueFd> LockToKeepBlobs(const std::string& folder);

}  // namespace joinery::server
