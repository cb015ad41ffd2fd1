// The file in incoming/ that an upload into a LocalBlobStore fills, shared by all its writers.
#pragma once

#include <cstdint>
#include <memory>
#include <string>

#include "absl/base/thread_annotations.h"
#include "absl/status/status.h"
#include "absl/status/statusor.h"
#include "absl/strings/string_view.h"
#include "absl/synchronization/mutex.h"
#include "base/digest.h"
#include "base/file.h"
#include "storage/blob_store.h"
#include "storage/local/file_system.h"

namespace joinery::storage {

class LocalBlobStore;

// Thread-safe. The file is made when the first byte comes; what an earlier upload left in it is hashed then. Destroyed
// without a successful Commit, it leaves the file for the next, synced.
class UploadFile {
 public:
  // `store` must outlive it.
  static absl::StatusOr<std::shared_ptr<UploadFile>> Open(LocalBlobStore& store, FileSystem& file_system,
                                                          const std::string& path, const std::string& digest);

  ~UploadFile();
  UploadFile(const UploadFile&) = delete;
  UploadFile& operator=(const UploadFile&) = delete;

  int64_t size() const;
  bool done() const;
  // No writer can use it any more: a new UploadFile must be opened.
  bool failed() const;

  // As BlobWriter::Write; answers with how many bytes were added.
  absl::StatusOr<int64_t> Write(int64_t offset, absl::string_view bytes);
  // As BlobWriter::Commit, for a writer that added `written` bytes.
  absl::Status Commit(int64_t size, int64_t written);

 private:
  UploadFile(LocalBlobStore& store, FileSystem& file_system, std::string path, std::string digest);

  absl::Status OpenIfNeeded() ABSL_EXCLUSIVE_LOCKS_REQUIRED(mutex_);
  absl::Status HashWhatWasThere() ABSL_EXCLUSIVE_LOCKS_REQUIRED(mutex_);
  absl::Status CheckWhole(int64_t size, int64_t written) ABSL_EXCLUSIVE_LOCKS_REQUIRED(mutex_);
  // Remembers that the file can be used no more, and why; `keep` its bytes for the next upload, or not.
  absl::Status Fail(const absl::Status& status, bool keep) ABSL_EXCLUSIVE_LOCKS_REQUIRED(mutex_);

  LocalBlobStore& store_;
  FileSystem& file_system_;
  const std::string path_;
  const std::string digest_;

  mutable absl::Mutex mutex_;
  base::UniqueFd fd_ ABSL_GUARDED_BY(mutex_);
  base::Sha256Hasher hasher_ ABSL_GUARDED_BY(mutex_);
  int64_t hashed_ ABSL_GUARDED_BY(mutex_) = 0;
  int64_t size_ ABSL_GUARDED_BY(mutex_) = 0;
  int64_t sync_begun_ ABSL_GUARDED_BY(mutex_) = 0;
  bool done_ ABSL_GUARDED_BY(mutex_) = false;
  bool removed_ ABSL_GUARDED_BY(mutex_) = false;
  absl::Status failure_ ABSL_GUARDED_BY(mutex_);
};

}  // namespace joinery::storage
