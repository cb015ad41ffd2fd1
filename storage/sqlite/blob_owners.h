// BlobOwners in the database of the job queue.
#pragma once

#include <functional>
#include <memory>
#include <string>
#include <vector>

#include "absl/base/thread_annotations.h"
#include "absl/synchronization/mutex.h"
#include "base/clock.h"
#include "storage/blob_owners.h"
#include "storage/sqlite/database.h"
#include "storage/sqlite/writer.h"

namespace joinery::storage {

class SqliteBlobOwners : public BlobOwners {
 public:
  // Creates the database or brings it to the newest schema if need be. `vfs` as in Database::Open. `clock` must outlive
  // the object.
  static absl::StatusOr<std::unique_ptr<SqliteBlobOwners>> Open(const std::string& path, const base::Clock& clock,
                                                                const std::string& vfs = "");
  // Shares the commits of a job store on the same file.
  static absl::StatusOr<std::unique_ptr<SqliteBlobOwners>> Open(const std::string& path, const base::Clock& clock,
                                                                std::shared_ptr<Writer> writer);

  absl::StatusOr<bool> Has(const std::string& project, const std::string& digest) override;
  absl::Status Add(const Actor& by, absl::Span<const OwnedBlob> blobs) override;
  absl::Status Remove(const Actor& by, absl::Span<const std::string> digests) override;
  absl::StatusOr<ProjectUsage> UsageOf(const std::string& project) override;
  absl::StatusOr<std::vector<ProjectUsage>> Usage() override;

  // Gives what `list` returns to `project`, once in the life of a database that is older than owners are.
  absl::Status AdoptOnce(const std::string& project,
                         const std::function<absl::StatusOr<std::vector<OwnedBlob>>()>& list);

 private:
  explicit SqliteBlobOwners(const base::Clock& clock) : clock_(clock) {}

  // Of all projects if `project` is empty.
  absl::StatusOr<std::vector<ProjectUsage>> ReadUsage(const std::string& project);

  const base::Clock& clock_;
  std::shared_ptr<Writer> writer_;
  absl::Mutex read_mutex_;
  std::unique_ptr<Database> reader_ ABSL_GUARDED_BY(read_mutex_);
};

// As BlobOwners::Add, within a transaction of somebody else's, and not in the audit log. Answers with those that were
// new to the project.
absl::StatusOr<std::vector<OwnedBlob>> AddBlobOwners(Database& database, const Actor& by,
                                                     absl::Span<const OwnedBlob> blobs);

}  // namespace joinery::storage
