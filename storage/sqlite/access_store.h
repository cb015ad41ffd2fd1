// Tokens and limits in the SQLite file that also holds the job queue.
#pragma once

#include <memory>
#include <string>
#include <vector>

#include "absl/base/thread_annotations.h"
#include "absl/synchronization/mutex.h"
#include "storage/access_store.h"
#include "storage/sqlite/database.h"

namespace joinery::storage {

struct SqliteAccessStoreOptions {
  // Created if it is not there; its folder must be.
  std::string path;
  // SQLite's name for the way to the disk; empty for its own.
  std::string vfs;
};

class SqliteAccessStore : public AccessStore {
 public:
  // Errors: those of Database::Open · kFailedPrecondition written by a newer version.
  static absl::StatusOr<std::unique_ptr<SqliteAccessStore>> Open(const SqliteAccessStoreOptions& options);

  using AccessStore::LimitsOf;

  absl::Status AddToken(const TokenRecord& token, const std::string& secret_digest, const AuditEntry& audit) override;
  absl::StatusOr<std::optional<TokenRecord>> FindToken(const std::string& secret_digest) override;
  absl::StatusOr<std::vector<TokenRecord>> ListTokens() override;
  absl::StatusOr<TokenRecord> RevokeToken(const std::string& id, absl::Time now, const AuditEntry& audit) override;
  absl::Status MarkTokenUsed(const std::string& id, absl::Time now) override;
  absl::StatusOr<bool> HasTokens() override;
  absl::StatusOr<Limits> LimitsOf(const LimitSubject& subject) override;
  absl::Status SetLimits(const LimitSubject& subject, const Limits& limits, const AuditEntry& audit) override;
  absl::StatusOr<std::vector<LimitRecord>> ListLimits() override;
  absl::StatusOr<Use> UseOf(const LimitSubject& subject) override;
  absl::StatusOr<std::vector<UserRecord>> Users(absl::Time now) override;
  absl::StatusOr<std::vector<ProjectRecord>> Projects(absl::Time now) override;

 private:
  SqliteAccessStore() = default;

  absl::Mutex write_mutex_;
  std::unique_ptr<Database> durable_ ABSL_GUARDED_BY(write_mutex_);
  std::unique_ptr<Database> relaxed_ ABSL_GUARDED_BY(write_mutex_);
  absl::Mutex read_mutex_;
  std::unique_ptr<Database> reader_ ABSL_GUARDED_BY(read_mutex_);
};

}  // namespace joinery::storage
