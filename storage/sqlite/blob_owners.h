// BlobOwners in the database of the job queue.
#pragma once

#include <functional>
#include <memory>
#include <string>
#include <vector>

#include "absl/base/thread_annotations.h"
#include "absl/synchronization/mutex.h"
#include "storage/blob_owners.h"
#include "storage/sqlite/database.h"
#include "storage/sqlite/writer.h"

namespace joinery::storage {

class SqliteBlobOwners : public BlobOwners {
 public:
  // Creates the database or brings it to the newest schema if need be. `vfs` as in Database::Open.
  static absl::StatusOr<std::unique_ptr<SqliteBlobOwners>> Open(const std::string& path, const std::string& vfs = "");
  // Shares the commits of a job store on the same file.
  static absl::StatusOr<std::unique_ptr<SqliteBlobOwners>> Open(const std::string& path,
                                                                std::shared_ptr<Writer> writer);

  absl::StatusOr<bool> Has(const std::string& project, const std::string& digest) override;
  absl::Status Add(const std::string& project, absl::Span<const OwnedBlob> blobs) override;
  absl::Status Remove(absl::Span<const std::string> digests) override;
  absl::StatusOr<ProjectUsage> UsageOf(const std::string& project) override;
  absl::StatusOr<std::vector<ProjectUsage>> Usage() override;

  // Gives what `list` returns to `project`, once in the life of a database that is older than owners are.
  absl::Status AdoptOnce(const std::string& project,
                         const std::function<absl::StatusOr<std::vector<OwnedBlob>>()>& list);

 private:
  SqliteBlobOwners() = default;

  // Of all projects if `project` is empty.
  absl::StatusOr<std::vector<ProjectUsage>> ReadUsage(const std::string& project);

  std::shared_ptr<Writer> writer_;
  absl::Mutex read_mutex_;
  std::unique_ptr<Database> reader_ ABSL_GUARDED_BY(read_mutex_);
};

// As BlobOwners::Add, within a transaction of somebody else's.
absl::Status AddBlobOwners(Database& database, const std::string& project, absl::Span<const OwnedBlob> blobs);

}  // namespace joinery::storage
