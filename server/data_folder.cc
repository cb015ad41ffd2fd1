#include "server/data_folder.h"

#include <fcntl.h>
#include <sys/file.h>

#include <cerrno>
#include <cstdlib>
#include <filesystem>
#include <system_error>

#include "absl/strings/str_cat.h"
#include "base/status.h"

namespace joinery::server {

absl::StatusOr<std::string> DefaultDataFolder() {
  const char* data_home = std::getenv("XDG_DATA_HOME");
  // The XDG specification: a relative path is to be ignored.
  if (data_home != nullptr && data_home[0] == '/') return absl::StrCat(data_home, "/joinery");
  const char* home = std::getenv("HOME");
  if (home != nullptr && home[0] == '/') return absl::StrCat(home, "/.local/share/joinery");
  return absl::FailedPreconditionError("neither XDG_DATA_HOME nor HOME is set; say where with --data-dir");
}

absl::StatusOr<base::UniqueFd> ClaimDataFolder(const std::string& folder) {
  std::error_code error;
  std::filesystem::create_directories(folder, error);
  if (error) return base::ErrnoStatus(error.value(), absl::StrCat("cannot create the data folder ", folder));
  ASSIGN_OR_RETURN(base::UniqueFd lock, base::OpenFile(folder + "/lock", O_CREAT | O_RDWR, 0600));
  if (flock(lock.get(), LOCK_EX | LOCK_NB) == 0) return lock;
  if (errno != EWOULDBLOCK) return base::ErrnoStatus(errno, absl::StrCat("cannot lock the data folder ", folder));
  return absl::FailedPreconditionError(
      absl::StrCat("another joineryd uses the data folder ", folder, "; stop it or choose another with --data-dir"));
}

}  // namespace joinery::server
