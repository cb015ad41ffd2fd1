#include "base/file.h"

#include <fcntl.h>
#include <sys/stat.h>
#include <unistd.h>

#include <cerrno>
#include <cstdio>
#include <utility>
#include <vector>

#include "absl/strings/str_cat.h"
#include "base/status.h"

namespace joinery::base {
namespace {

constexpr size_t kPieceSize = size_t{1} << 20;

std::string FolderOf(const std::string& path) {
  const size_t slash = path.rfind('/');
  if (slash == std::string::npos) return ".";
  return slash == 0 ? "/" : path.substr(0, slash);
}

}  // namespace

UniqueFd& UniqueFd::operator=(UniqueFd&& other) noexcept {
  if (this != &other) {
    if (fd_ >= 0) close(fd_);
    fd_ = other.Release();
  }
  return *this;
}

UniqueFd::~UniqueFd() {
  if (fd_ >= 0) close(fd_);
}

int UniqueFd::Release() { return std::exchange(fd_, -1); }

absl::StatusOr<UniqueFd> OpenFile(const std::string& path, int flags, int mode) {
  UniqueFd fd(open(path.c_str(), flags | O_CLOEXEC, mode));
  if (!fd.valid()) return ErrnoStatus(errno, absl::StrCat("cannot open ", path));
  return fd;
}

absl::Status WriteAll(int fd, absl::string_view bytes, const std::string& path) {
  while (!bytes.empty()) {
    const ssize_t written = write(fd, bytes.data(), bytes.size());
    if (written < 0 && errno == EINTR) continue;
    if (written < 0) return ErrnoStatus(errno, absl::StrCat("cannot write to ", path));
    bytes.remove_prefix(static_cast<size_t>(written));
  }
  return absl::OkStatus();
}

absl::Status SyncFolder(const std::string& folder) {
  ASSIGN_OR_RETURN(const UniqueFd fd, OpenFile(folder, O_RDONLY | O_DIRECTORY));
  if (fsync(fd.get()) != 0) return ErrnoStatus(errno, absl::StrCat("cannot sync ", folder));
  return absl::OkStatus();
}

absl::Status ReadFileInPieces(const std::string& path, const std::function<absl::Status(absl::string_view)>& take) {
  ASSIGN_OR_RETURN(const UniqueFd fd, OpenFile(path, O_RDONLY));
  std::vector<char> piece(kPieceSize);
  while (true) {
    const ssize_t count = read(fd.get(), piece.data(), piece.size());
    if (count < 0 && errno == EINTR) continue;
    if (count < 0) return ErrnoStatus(errno, absl::StrCat("cannot read ", path));
    if (count == 0) return absl::OkStatus();
    RETURN_IF_ERROR(take(absl::string_view(piece.data(), static_cast<size_t>(count))));
  }
}

absl::StatusOr<std::string> ReadFile(const std::string& path, int64_t max_size) {
  std::string bytes;
  RETURN_IF_ERROR(ReadFileInPieces(path, [&](absl::string_view piece) {
    if (static_cast<int64_t>(bytes.size() + piece.size()) > max_size) {
      return absl::ResourceExhaustedError(absl::StrCat(path, " is larger than the limit of ", max_size, " bytes"));
    }
    bytes.append(piece.data(), piece.size());
    return absl::OkStatus();
  }));
  return bytes;
}

absl::Status WriteFileAtomically(const std::string& path, absl::string_view bytes) {
  std::string temporary = absl::StrCat(path, ".XXXXXX");
  UniqueFd fd(mkostemp(temporary.data(), O_CLOEXEC));
  if (!fd.valid()) return ErrnoStatus(errno, absl::StrCat("cannot create ", path));
  absl::Status status = WriteAll(fd.get(), bytes, path);
  // mkostemp makes files that only their owner reads; what people are given should be as their umask says.
  const mode_t mask = umask(0);
  umask(mask);
  if (status.ok() && fchmod(fd.get(), 0666 & ~mask) != 0)
    status = ErrnoStatus(errno, absl::StrCat("cannot write ", path));
  if (status.ok() && fsync(fd.get()) != 0) status = ErrnoStatus(errno, absl::StrCat("cannot sync ", path));
  if (status.ok() && rename(temporary.c_str(), path.c_str()) != 0) {
    status = ErrnoStatus(errno, absl::StrCat("cannot rename to ", path));
  }
  if (!status.ok()) {
    unlink(temporary.c_str());
    return status;
  }
  return SyncFolder(FolderOf(path));
}

}  // namespace joinery::base
