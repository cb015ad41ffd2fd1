// Blobs as files of one folder:
//
//   blobs/ab/abcdef...            what is whole; the time of its last change is when it was last used
//   incoming/abcdef....0123...    what is on its way: the digest it is to have, then the project it comes from (hashed)
//   quarantine/abcdef....N        what proved damaged
#pragma once

#include <cstdint>
#include <functional>
#include <map>
#include <memory>
#include <optional>
#include <string>

#include "absl/base/thread_annotations.h"
#include "absl/synchronization/mutex.h"
#include "base/clock.h"
#include "storage/blob_store.h"
#include "storage/local/file_system.h"
#include "storage/local/upload_file.h"

namespace joinery::storage {

// A blob is written to incoming/, synced, renamed, and its folder synced: at every moment a crash leaves it absent or
// whole. One process may use a folder at a time; the caller sees to that.
class LocalBlobStore : public BlobStore {
 public:
  // Uploads that nobody goes on with are thrown away after this long.
  static constexpr absl::Duration kUploadLife = absl::Hours(24);

  // Makes `folder` ready (its parent must be there) and removes uploads past kUploadLife. `file_system` and `clock`
  // must outlive the store. Errors name the path at fault.
  static absl::StatusOr<std::unique_ptr<LocalBlobStore>> Open(const std::string& folder, FileSystem& file_system,
                                                              const base::Clock& clock);

  // Changes nothing by itself: to look at a folder that another process may use.
  static std::unique_ptr<LocalBlobStore> Inspect(const std::string& folder, FileSystem& file_system,
                                                 const base::Clock& clock);

  absl::StatusOr<std::optional<int64_t>> Find(const std::string& digest) override;
  absl::StatusOr<std::optional<int64_t>> Touch(const std::string& digest) override;
  absl::StatusOr<std::unique_ptr<BlobWriter>> StartWrite(const UploadKey& key) override;
  absl::StatusOr<int64_t> UploadedBytes(const UploadKey& key) override;
  absl::StatusOr<BlobStatistics> UploadsOf(const std::string& project) override;
  absl::StatusOr<std::unique_ptr<BlobReader>> Open(const std::string& digest) override;
  absl::Status Quarantine(const std::string& digest) override;
  absl::StatusOr<BlobStatistics> GetStatistics() override;
  absl::StatusOr<int64_t> FreeBytes() override;
  absl::Status CheckWritable() override;
  absl::Status ForEach(const std::function<absl::Status(const StoredBlob&)>& take) override;
  absl::StatusOr<bool> RemoveIfUnusedSince(const std::string& digest, absl::Time time) override;
  absl::StatusOr<int> RemoveUploadsUnusedSince(absl::Time time) override;

 private:
  friend class UploadFile;

  LocalBlobStore(const std::string& folder, FileSystem& file_system, const base::Clock& clock);

  std::string ShardFolder(const std::string& digest) const;
  std::string BlobPath(const std::string& digest) const;

  // Gives the whole and synced file at `temporary` its name. After an error the blob is not there unless it was before.
  absl::Status Publish(const std::string& temporary, const std::string& digest, int64_t size);
  absl::Status RenameDurably(const std::string& temporary, const std::string& digest)
      ABSL_EXCLUSIVE_LOCKS_REQUIRED(mutex_);

  const std::string folder_;
  const std::string blobs_;
  const std::string incoming_;
  FileSystem& file_system_;
  const base::Clock& clock_;

  // By file name. Those that somebody writes to, and some that nobody does any more.
  absl::Mutex uploads_mutex_;
  std::map<std::string, std::weak_ptr<UploadFile>> uploads_ ABSL_GUARDED_BY(uploads_mutex_);

  // Held for writing from a rename until it is durable, so that no reader builds upon a name that a power loss may
  // undo.
  absl::Mutex mutex_;
  // Counted when first asked for (a start must be quick), then kept up to date.
  std::optional<BlobStatistics> statistics_ ABSL_GUARDED_BY(mutex_);
};

}  // namespace joinery::storage
