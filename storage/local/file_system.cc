#include "storage/local/file_system.h"

#include <fcntl.h>
#include <sys/stat.h>
#include <sys/statvfs.h>
#include <unistd.h>

#include <cerrno>
#include <cstdio>

#include "absl/strings/str_cat.h"
#include "base/status.h"

namespace joinery::storage {

absl::StatusOr<base::UniqueFd> RealFileSystem::CreateFile(const std::string& path) {
  return base::OpenFile(path, O_CREAT | O_EXCL | O_WRONLY, 0600);
}

absl::Status RealFileSystem::Write(int fd, absl::string_view bytes, const std::string& path) {
  return base::WriteAll(fd, bytes, path);
}

absl::Status RealFileSystem::Sync(int fd, const std::string& path) {
  if (fsync(fd) != 0) return base::ErrnoStatus(errno, absl::StrCat("cannot sync ", path));
  return absl::OkStatus();
}

absl::Status RealFileSystem::Rename(const std::string& from, const std::string& to) {
  if (rename(from.c_str(), to.c_str()) != 0) return base::ErrnoStatus(errno, absl::StrCat("cannot rename to ", to));
  return absl::OkStatus();
}

absl::Status RealFileSystem::MakeFolder(const std::string& path) {
  if (mkdir(path.c_str(), 0700) != 0 && errno != EEXIST) {
    return base::ErrnoStatus(errno, absl::StrCat("cannot create the folder ", path));
  }
  return absl::OkStatus();
}

absl::Status RealFileSystem::SyncFolder(const std::string& path) { return base::SyncFolder(path); }

absl::StatusOr<int64_t> RealFileSystem::FreeBytes(const std::string& path) {
  struct statvfs result;
  if (statvfs(path.c_str(), &result) != 0) {
    return base::ErrnoStatus(errno, absl::StrCat("cannot tell the free space of ", path));
  }
  return static_cast<int64_t>(result.f_bavail) * static_cast<int64_t>(result.f_frsize);
}

}  // namespace joinery::storage
