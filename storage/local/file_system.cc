#include "storage/local/file_system.h"

#include <fcntl.h>
#include <sys/stat.h>
#include <sys/statvfs.h>
#include <unistd.h>

#include <array>
#include <cerrno>
#include <cstdio>

#include "absl/strings/str_cat.h"
#include "base/status.h"

namespace joinery::storage {

absl::StatusOr<base::UniqueFd> RealFileSystem::OpenToAppend(const std::string& path) {
  return base::OpenFile(path, O_CREAT | O_RDWR | O_APPEND | O_NOFOLLOW, 0600);
}

absl::StatusOr<base::UniqueFd> RealFileSystem::OpenToRead(const std::string& path) {
  return base::OpenFile(path, O_RDONLY | O_NOFOLLOW);
}

absl::StatusOr<std::string> RealFileSystem::Read(int fd, int64_t offset, int64_t max_bytes, const std::string& path) {
  std::string bytes(static_cast<size_t>(max_bytes), '\0');
  size_t filled = 0;
  while (filled < bytes.size()) {
    const ssize_t count =
        pread(fd, bytes.data() + filled, bytes.size() - filled, offset + static_cast<int64_t>(filled));
    if (count < 0 && errno == EINTR) continue;
    if (count < 0) return base::ErrnoStatus(errno, absl::StrCat("cannot read ", path));
    if (count == 0) break;
    filled += static_cast<size_t>(count);
  }
  bytes.resize(filled);
  return bytes;
}

void RealFileSystem::DropCached(int fd) { posix_fadvise(fd, 0, 0, POSIX_FADV_DONTNEED); }

absl::Status RealFileSystem::Append(int fd, absl::string_view bytes, const std::string& path) {
  return base::WriteAll(fd, bytes, path);
}

void RealFileSystem::BeginSync(int fd, int64_t offset, int64_t size) {
  sync_file_range(fd, offset, size, SYNC_FILE_RANGE_WRITE);
}

absl::Status RealFileSystem::Sync(int fd, const std::string& path) {
  if (fsync(fd) != 0) return base::ErrnoStatus(errno, absl::StrCat("cannot sync ", path));
  return absl::OkStatus();
}

absl::Status RealFileSystem::Rename(const std::string& from, const std::string& to) {
  if (rename(from.c_str(), to.c_str()) != 0) return base::ErrnoStatus(errno, absl::StrCat("cannot rename to ", to));
  return absl::OkStatus();
}

absl::Status RealFileSystem::Remove(const std::string& path) {
  if (unlink(path.c_str()) != 0 && errno != ENOENT) {
    return base::ErrnoStatus(errno, absl::StrCat("cannot remove ", path));
  }
  return absl::OkStatus();
}

absl::Status RealFileSystem::SetTime(const std::string& path, absl::Time time) {
  const timespec changed = absl::ToTimespec(time);
  const std::array<timespec, 2> times = {timespec{.tv_sec = 0, .tv_nsec = UTIME_OMIT}, changed};
  if (utimensat(AT_FDCWD, path.c_str(), times.data(), AT_SYMLINK_NOFOLLOW) != 0) {
    return base::ErrnoStatus(errno, absl::StrCat("cannot set the time of ", path));
  }
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
