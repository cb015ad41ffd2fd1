// The table audit.
#pragma once

#include <memory>
#include <string>
#include <vector>

#include "absl/base/thread_annotations.h"
#include "absl/status/status.h"
#include "absl/status/statusor.h"
#include "absl/synchronization/mutex.h"
#include "storage/audit_log.h"
#include "storage/sqlite/database.h"
#include "storage/sqlite/writer.h"

namespace joinery::storage {

// Within the transaction of the change. The entry's number does not count.
absl::Status AppendAudit(Database& database, const AuditEntry& entry);

class SqliteAuditLog : public AuditLog {
 public:
  // `path` is the file of a job store whose commits this shares.
  static absl::StatusOr<std::unique_ptr<SqliteAuditLog>> Open(const std::string& path, std::shared_ptr<Writer> writer);

  absl::StatusOr<std::vector<AuditEntry>> List(const AuditQuery& query) override;
  absl::StatusOr<int> DeleteBefore(absl::Time time, int limit) override;

 private:
  SqliteAuditLog() = default;

  std::shared_ptr<Writer> writer_;
  // A connection of its own: a long search keeps nobody from being let in.
  absl::Mutex read_mutex_;
  std::unique_ptr<Database> reader_ ABSL_GUARDED_BY(read_mutex_);
};

}  // namespace joinery::storage
