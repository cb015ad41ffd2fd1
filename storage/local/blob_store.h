// Blobs as files of one folder: blobs/ab/abcdef... for what is whole, incoming/ for what is on its way.
#pragma once

#include <atomic>
#include <memory>
#include <optional>
#include <string>

#include "absl/base/thread_annotations.h"
#include "absl/synchronization/mutex.h"
#include "storage/blob_store.h"
#include "storage/local/file_system.h"

namespace joinery::storage {

// A blob is written to incoming/, synced, renamed, and its folder synced: at every moment a crash leaves it absent or
// whole. One process may use a folder at a time; the caller sees to that.
class LocalBlobStore : public BlobStore {
 public:
  // Makes `folder` ready (its parent must be there) and removes what unfinished uploads of an earlier process left.
  // `file_system` must outlive the store. Errors name the path at fault.
  static absl::StatusOr<std::unique_ptr<LocalBlobStore>> Open(const std::string& folder, FileSystem& file_system);

  absl::StatusOr<std::optional<int64_t>> Find(const std::string& digest) override;
  absl::StatusOr<std::unique_ptr<BlobWriter>> StartWrite() override;
  absl::StatusOr<std::unique_ptr<BlobReader>> Open(const std::string& digest) override;
  absl::StatusOr<BlobStatistics> GetStatistics() override;
  absl::StatusOr<int64_t> FreeBytes() override;

 private:
  friend class LocalBlobWriter;

  LocalBlobStore(const std::string& folder, FileSystem& file_system);

  std::string ShardFolder(const std::string& digest) const;
  std::string BlobPath(const std::string& digest) const;

  // Gives the whole and synced file at `temporary` its name. After an error the blob is not there unless it was before.
  absl::Status Publish(const std::string& temporary, const std::string& digest, int64_t size);
  absl::Status RenameDurably(const std::string& temporary, const std::string& digest)
      ABSL_EXCLUSIVE_LOCKS_REQUIRED(mutex_);

  const std::string blobs_;
  const std::string incoming_;
  FileSystem& file_system_;
  std::atomic<int64_t> next_upload_ = 0;

  // Held for writing from a rename until it is durable, so that no reader builds upon a name that a power loss may
  // undo.
  absl::Mutex mutex_;
  // Counted when first asked for (a start must be quick), then kept up to date.
  std::optional<BlobStatistics> statistics_ ABSL_GUARDED_BY(mutex_);
};

}  // namespace joinery::storage
