// The calls by which LocalBlobStore changes the disk, so that tests can make each of them fail. Thread-safe. Errors
// name the path; no room is kResourceExhausted.
#pragma once

#include <cstdint>
#include <string>

#include "absl/status/status.h"
#include "absl/status/statusor.h"
#include "absl/strings/string_view.h"
#include "base/file.h"

namespace joinery::storage {

class FileSystem {
 public:
  virtual ~FileSystem() = default;

  // A new, empty file that only its owner may read; an error if there is one of that name.
  virtual absl::StatusOr<base::UniqueFd> CreateFile(const std::string& path) = 0;
  virtual absl::Status Write(int fd, absl::string_view bytes, const std::string& path) = 0;
  virtual absl::Status Sync(int fd, const std::string& path) = 0;
  virtual absl::Status Rename(const std::string& from, const std::string& to) = 0;
  // Succeeds if the folder is there already; its parent must be.
  virtual absl::Status MakeFolder(const std::string& path) = 0;
  // Makes the folder's own entries durable.
  virtual absl::Status SyncFolder(const std::string& path) = 0;
  // Bytes that this user may still write below `path`.
  virtual absl::StatusOr<int64_t> FreeBytes(const std::string& path) = 0;
};

class RealFileSystem : public FileSystem {
 public:
  absl::StatusOr<base::UniqueFd> CreateFile(const std::string& path) override;
  absl::Status Write(int fd, absl::string_view bytes, const std::string& path) override;
  absl::Status Sync(int fd, const std::string& path) override;
  absl::Status Rename(const std::string& from, const std::string& to) override;
  absl::Status MakeFolder(const std::string& path) override;
  absl::Status SyncFolder(const std::string& path) override;
  absl::StatusOr<int64_t> FreeBytes(const std::string& path) override;
};

}  // namespace joinery::storage
