#include "server/maintenance/housekeeping_lock.h"

#include <fcntl.h>
#include <sys/file.h>

#include <cerrno>

#include "absl/strings/str_cat.h"
#include "base/status.h"

namespace joinery::server {
namespace {

absl::StatusOr<base::UniqueFd> OpenLock(const std::string& folder) {
  return base::OpenFile(folder + "/housekeeping.lock", O_CREAT | O_RDWR, 0600);
}

absl::Status CannotLock(const std::string& folder) {
  return base::ErrnoStatus(errno, absl::StrCat("cannot lock the blobs of ", folder));
}

}  // namespace

absl::StatusOr<std::optional<base::UniqueFd>> LockToRemoveBlobs(const std::string& folder) {
  ASSIGN_OR_RETURN(base::UniqueFd lock, OpenLock(folder));
  if (flock(lock.get(), LOCK_EX | LOCK_NB) == 0) return std::optional<base::UniqueFd>(std::move(lock));
  if (errno == EWOULDBLOCK) return std::nullopt;
  return CannotLock(folder);
}

absl::StatusOr<base::UniqueFd> LockToKeepBlobs(const std::string& folder) {
  ASSIGN_OR_RETURN(base::UniqueFd lock, OpenLock(folder));
  while (flock(lock.get(), LOCK_SH) != 0) {
    if (errno != EINTR) return CannotLock(folder);
  }
  return lock;
}

}  // namespace joinery::server
