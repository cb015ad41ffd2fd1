// The calls by which LocalBlobStore uses the disk, so that tests can make each of them fail. Thread-safe. Errors name
// the path; no room is kResourceExhausted.
#pragma once

#include <cstdint>
#include <string>

#include "absl/status/status.h"
#include "absl/status/statusor.h"
#include "absl/strings/string_view.h"
#include "absl/time/time.h"
#include "base/file.h"

namespace joinery::storage {

class FileSystem {
 public:
  virtual ~FileSystem() = default;

  // To be read, and to be written at its end. Created, for its owner only, if it is not there.
  virtual absl::StatusOr<base::UniqueFd> OpenToAppend(const std::string& path) = 0;
  // kNotFound if it is not there.
  virtual absl::StatusOr<base::UniqueFd> OpenToRead(const std::string& path) = 0;
  // Up to `max_bytes` from `offset` on; fewer only at the end of the file.
  virtual absl::StatusOr<std::string> Read(int fd, int64_t offset, int64_t max_bytes, const std::string& path) = 0;
  // Forgets what memory holds of the file, where the system can.
  virtual void DropCached(int fd) = 0;
  // All of `bytes`. After an error a part of them may have been written.
  virtual absl::Status Append(int fd, absl::string_view bytes, const std::string& path) = 0;
  // Asks the kernel to begin writing these bytes to the disk, so that a Sync later has less to wait for.
  virtual void BeginSync(int fd, int64_t offset, int64_t size) = 0;
  virtual absl::Status Sync(int fd, const std::string& path) = 0;
  virtual absl::Status Rename(const std::string& from, const std::string& to) = 0;
  // Succeeds if it is not there.
  virtual absl::Status Remove(const std::string& path) = 0;
  // Sets the time of the last change.
  virtual absl::Status SetTime(const std::string& path, absl::Time time) = 0;
  // Succeeds if the folder is there already; its parent must be.
  virtual absl::Status MakeFolder(const std::string& path) = 0;
  // Makes the folder's own entries durable.
  virtual absl::Status SyncFolder(const std::string& path) = 0;
  // Bytes that this user may still write below `path`.
  virtual absl::StatusOr<int64_t> FreeBytes(const std::string& path) = 0;
};

class RealFileSystem : public FileSystem {
 public:
  absl::StatusOr<base::UniqueFd> OpenToAppend(const std::string& path) override;
  absl::StatusOr<base::UniqueFd> OpenToRead(const std::string& path) override;
  absl::StatusOr<std::string> Read(int fd, int64_t offset, int64_t max_bytes, const std::string& path) override;
  void DropCached(int fd) override;
  absl::Status Append(int fd, absl::string_view bytes, const std::string& path) override;
  void BeginSync(int fd, int64_t offset, int64_t size) override;
  absl::Status Sync(int fd, const std::string& path) override;
  absl::Status Rename(const std::string& from, const std::string& to) override;
  absl::Status Remove(const std::string& path) override;
  absl::Status SetTime(const std::string& path, absl::Time time) override;
  absl::Status MakeFolder(const std::string& path) override;
  absl::Status SyncFolder(const std::string& path) override;
  absl::StatusOr<int64_t> FreeBytes(const std::string& path) override;
};

}  // namespace joinery::storage
