// Files: whole, in pieces, and written so that a crash leaves the old content or the new, never a mixture.
#pragma once

#include <cstdint>
#include <functional>
#include <string>

#include "absl/status/status.h"
#include "absl/status/statusor.h"
#include "absl/strings/string_view.h"

namespace joinery::base {

// Owns a file descriptor.
class UniqueFd {
 public:
  UniqueFd() = default;
  explicit UniqueFd(int fd) : fd_(fd) {}
  UniqueFd(UniqueFd&& other) noexcept : fd_(other.Release()) {}
  UniqueFd& operator=(UniqueFd&& other) noexcept;
  ~UniqueFd();

  int get() const { return fd_; }
  bool valid() const { return fd_ >= 0; }
  int Release();

 private:
  int fd_ = -1;
};

// open(2) with O_CLOEXEC. The error names `path`.
absl::StatusOr<UniqueFd> OpenFile(const std::string& path, int flags, int mode = 0644);

// All of `bytes`, whatever write(2) takes at a time. The error names `path`.
absl::Status WriteAll(int fd, absl::string_view bytes, const std::string& path);

// fsync of the folder itself: what was renamed or created in it stays after a power loss.
absl::Status SyncFolder(const std::string& folder);

// What the file holds. kResourceExhausted if that is more than `max_size` bytes.
absl::StatusOr<std::string> ReadFile(const std::string& path, int64_t max_size);

// Calls `take` for each piece (at most 1 MiB) of the file in order; stops at its first error and returns it.
absl::Status ReadFileInPieces(const std::string& path, const std::function<absl::Status(absl::string_view)>& take);

// Replaces the file at `path` by one that holds `bytes`: a file beside it, fsync, rename, fsync of the folder. After an
// error the old file is as it was, and nothing else is left.
absl::Status WriteFileAtomically(const std::string& path, absl::string_view bytes);

}  // namespace joinery::base
