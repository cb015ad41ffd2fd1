// The job queue in one SQLite file.
#pragma once

#include <functional>
#include <memory>
#include <optional>
#include <string>
#include <type_traits>
#include <utility>
#include <vector>

#include "absl/base/thread_annotations.h"
#include "absl/synchronization/mutex.h"
#include "base/clock.h"
#include "storage/job_store.h"
#include "storage/random_source.h"
#include "storage/sqlite/database.h"
#include "storage/sqlite/moment.h"
#include "storage/sqlite/writer.h"

namespace joinery::storage {

struct SqliteJobStoreOptions {
  // Created if it is not there; its folder must be. SQLite puts two more files beside it.
  std::string path;
  // Leases that are running when the store is opened last at least this much longer: their workers may be alive, and
  // could not renew while the server was away.
  absl::Duration restart_grace = absl::Seconds(15);
  // SQLite's name for the way to the disk; empty for its own.
  std::string vfs;
  QueueLimits limits = {};
};

// Three connections: the two of the Writer, and one for reads, which wait for no write.
class SqliteJobStore : public JobStore {
 public:
  // `clock` must outlive the store; `random` is called by one thread at a time.
  // Errors: those of Database::Open · kFailedPrecondition written by a newer version.
  static absl::StatusOr<std::unique_ptr<SqliteJobStore>> Open(const SqliteJobStoreOptions& options,
                                                              const base::Clock& clock, RandomSource random);

  using JobStore::Cancel;
  using JobStore::Enqueue;
  using JobStore::Finish;
  using JobStore::SetWorkerDrain;

  void OnSharedChange(std::function<void(const v1::Job&)> told) override { told_ = std::move(told); }
  void Enqueue(Submission submission, EnqueueDone done) override;
  absl::StatusOr<EnqueuedArray> EnqueueArray(absl::Span<const Submission> submissions,
                                             const std::string& request_id) override;
  absl::StatusOr<std::optional<v1::Job>> FindAnswer(const std::string& project, const v1::JobSpec& spec) override;
  absl::StatusOr<v1::Job> Get(const std::string& id) override;
  absl::StatusOr<JobPage> List(const JobQuery& query) override;
  absl::StatusOr<std::optional<JobLease>> Claim(const WorkerInfo& worker, absl::Duration term) override;
  absl::StatusOr<LeaseRenewal> Extend(const std::string& token, absl::Duration term,
                                      absl::Span<const v1::JobEvent> events, int64_t first_event) override;
  absl::StatusOr<v1::Job> Finish(const std::string& token, const Outcome& outcome,
                                 absl::Span<const v1::JobEvent> events, int64_t first_event, const Actor& by) override;
  absl::StatusOr<v1::Job> Cancel(const std::string& id, const Actor& by) override;
  absl::StatusOr<std::vector<std::string>> ArrayJobs(const std::string& array_id) override;
  absl::StatusOr<std::vector<v1::Job>> ExpireLeases() override;
  absl::StatusOr<std::vector<std::string>> NoteWaiting(absl::Duration period, int limit) override;
  absl::StatusOr<int> DeleteFinished(absl::Duration age, int limit) override;
  absl::Status ForEachBlob(const std::function<void(const BlobUse&)>& take) override;
  absl::StatusOr<std::vector<v1::JobEvent>> Events(const std::string& id, int64_t after_sequence, int limit) override;
  absl::StatusOr<JobCounts> Counts() override;
  absl::Status CheckWritable() override;
  absl::StatusOr<std::vector<WorkerRecord>> Workers(absl::Duration period) override;
  absl::Status SetWorkerDrain(const std::string& name, bool drained, const Actor& by) override;
  absl::Status SetServerDrain(bool drained, const Actor& by) override;
  absl::StatusOr<bool> IsServerDrained() override;
  absl::StatusOr<std::vector<JobInLine>> InLine(int limit) override;

  // For other stores on the same file, so that they share its commits.
  const std::shared_ptr<Writer>& writer() const { return writer_; }

 private:
  SqliteJobStore(const SqliteJobStoreOptions& options, const base::Clock& clock, RandomSource random)
      : limits_(options.limits), clock_(clock), random_(std::move(random)) {}

  absl::Status Start(const SqliteJobStoreOptions& options);
  Moment Now() const;
  // Runs `body`, which is given the database and now and returns a StatusOr, as Writer::Run does.
  template <typename Body>
  auto Write(Durability durability, const Body& body) -> std::invoke_result_t<Body, Database&, const Moment&>;
  absl::StatusOr<EnqueuedJob> InsertOrFind(Database& database, const Submission& submission, const Moment& now) const;
  void TellOf(absl::Span<const v1::Job> jobs) const;
  absl::StatusOr<bool> AnyToExpire();
  absl::StatusOr<bool> AnyWaitingToNote(absl::Duration period);

  const QueueLimits limits_;
  const base::Clock& clock_;
  const RandomSource random_;
  std::function<void(const v1::Job&)> told_ = [](const v1::Job&) {};
  // Queue time when the store was opened, and the clock's steady reading then.
  int64_t queue_time_at_start_ = 0;
  absl::Duration started_at_;
  std::shared_ptr<Writer> writer_;
  absl::Mutex read_mutex_;
  std::unique_ptr<Database> reader_ ABSL_GUARDED_BY(read_mutex_);
};

}  // namespace joinery::storage
