// The job queue in one SQLite file.
#pragma once

#include <memory>
#include <optional>
#include <string>
#include <vector>

#include "absl/base/thread_annotations.h"
#include "absl/synchronization/mutex.h"
#include "base/clock.h"
#include "storage/job_store.h"
#include "storage/random_source.h"
#include "storage/sqlite/database.h"

namespace joinery::storage {

struct SqliteJobStoreOptions {
  // Created if it is not there; its folder must be. SQLite puts two more files beside it.
  std::string path;
  // Leases that are running when the store is opened last at least this much longer: their workers may be alive, and
  // could not renew while the server was away.
  absl::Duration restart_grace = absl::Seconds(15);
  // SQLite's name for the way to the disk; empty for its own.
  std::string vfs;
};

// Three connections: writes that must survive a power loss, writes that may not (events and renewals), and reads, which
// wait for no write. Writers queue at a mutex rather than at SQLite's lock, where waiting means polling.
class SqliteJobStore : public JobStore {
 public:
  // `clock` must outlive the store; `random` is called by one thread at a time.
  // Errors: those of Database::Open · kFailedPrecondition written by a newer version.
  static absl::StatusOr<std::unique_ptr<SqliteJobStore>> Open(const SqliteJobStoreOptions& options,
                                                              const base::Clock& clock, RandomSource random);

  absl::StatusOr<EnqueuedJob> Enqueue(const v1::JobSpec& spec, const std::string& request_id) override;
  absl::StatusOr<v1::Job> Get(const std::string& id) override;
  absl::StatusOr<JobPage> List(const JobQuery& query) override;
  absl::StatusOr<std::optional<JobLease>> Claim(const std::string& worker, const std::string& compiler_version,
                                                absl::Duration term) override;
  absl::StatusOr<LeaseRenewal> Extend(const std::string& token, absl::Duration term,
                                      absl::Span<const v1::JobEvent> events) override;
  absl::StatusOr<v1::Job> Finish(const std::string& token, const Outcome& outcome,
                                 absl::Span<const v1::JobEvent> events) override;
  absl::StatusOr<v1::Job> Cancel(const std::string& id) override;
  absl::StatusOr<std::vector<v1::Job>> ExpireLeases() override;
  absl::StatusOr<std::vector<v1::JobEvent>> Events(const std::string& id, int64_t after_sequence, int limit) override;
  absl::StatusOr<JobCounts> Counts() override;
  absl::StatusOr<std::vector<WorkerRecord>> Workers(absl::Duration period) override;

 private:
  SqliteJobStore(const base::Clock& clock, RandomSource random) : clock_(clock), random_(std::move(random)) {}

  absl::Status Start(const SqliteJobStoreOptions& options);
  absl::StatusOr<int64_t> InsertJob(const v1::JobSpec& spec, const std::string& request_id, absl::Time now)
      ABSL_EXCLUSIVE_LOCKS_REQUIRED(write_mutex_);
  absl::StatusOr<bool> AnyExpired(absl::Time now);

  const base::Clock& clock_;
  const RandomSource random_;
  absl::Mutex write_mutex_;
  std::unique_ptr<Database> durable_ ABSL_GUARDED_BY(write_mutex_);
  std::unique_ptr<Database> relaxed_ ABSL_GUARDED_BY(write_mutex_);
  absl::Mutex read_mutex_;
  std::unique_ptr<Database> reader_ ABSL_GUARDED_BY(read_mutex_);
};

}  // namespace joinery::storage
