// The durable job queue. States and their changes are those of JobService (joinery/v1/jobs.proto): QUEUED, RUNNING
// under a lease, then SUCCEEDED, FAILED or CANCELLED. Every change of state adds a Job event to the job's history in
// the same transaction. Time comes from an injected base::Clock, never from the database.
#pragma once

#include <cstdint>
#include <optional>
#include <string>
#include <variant>
#include <vector>

#include "absl/status/status.h"
#include "absl/status/statusor.h"
#include "absl/time/time.h"
#include "absl/types/span.h"
#include "joinery/v1/jobs.pb.h"

namespace joinery::storage {

// So many workers may be lost with a job before it is FAILED with WORKER_LOST.
inline constexpr int kMaxAttempts = 3;

struct EnqueuedJob {
  v1::Job job;
  // False if the request had been made before.
  bool created = false;
};

// One attempt at a job. Who has the token may renew and finish it.
struct JobLease {
  // 128 random bits as 32 hexadecimal digits.
  std::string token;
  v1::Job job;
};

struct LeaseRenewal {
  std::string job_id;
  bool cancel_requested = false;
};

// The work was stopped because somebody asked for it.
struct Cancelled {};
// The worker goes away; the job returns to the queue and the attempt does not count.
struct Released {};
using Outcome = std::variant<v1::JobResult, v1::Failure, Cancelled, Released>;

struct JobQuery {
  // None: all states.
  std::vector<v1::JobState> states;
  // At least 1.
  int page_size = 50;
  // JobPage::next_page_token of the page before; empty for the first.
  std::string page_token;
};

// May hold fewer jobs than asked for, to keep its size within bounds; it is the last if next_page_token is empty.
struct JobPage {
  std::vector<v1::Job> jobs;
  std::string next_page_token;
};

struct JobCounts {
  int64_t queued = 0;
  int64_t running = 0;
};

struct WorkerRecord {
  std::string name;
  std::string compiler_version;
  absl::Time last_seen_at;
  // Empty if it has none.
  std::string job_id;
};

// Thread-safe; every call is one transaction. Once Enqueue, Claim, Finish, Cancel or ExpireLeases has answered, the
// change survives a power loss; events and renewals survive a crash of the process. Any call may fail with kUnavailable
// (try again), kResourceExhausted (no room on disk) or kDataLoss (damaged storage).
class JobStore {
 public:
  virtual ~JobStore() = default;

  // Queues a job. The same request again answers with the first job, as it is now.
  // Errors: kAlreadyExists the request_id was used with another spec.
  virtual absl::StatusOr<EnqueuedJob> Enqueue(const v1::JobSpec& spec, const std::string& request_id) = 0;

  // kNotFound if there is no such job.
  virtual absl::StatusOr<v1::Job> Get(const std::string& id) = 0;

  // Newest first. Errors: kInvalidArgument the page token is none of ours.
  virtual absl::StatusOr<JobPage> List(const JobQuery& query) = 0;

  // Leases the oldest queued job to `worker` for `term`, or answers nullopt when there is none. Either way the worker
  // has been seen.
  virtual absl::StatusOr<std::optional<JobLease>> Claim(const std::string& worker, const std::string& compiler_version,
                                                        absl::Duration term) = 0;

  // Renews the lease to `term` from now and appends `events` (progress or log; their sequence and time are given here).
  // Errors: kAborted the lease was lost.
  virtual absl::StatusOr<LeaseRenewal> Extend(const std::string& token, absl::Duration term,
                                              absl::Span<const v1::JobEvent> events) = 0;

  // Ends the attempt and answers with the job as it is then. The same outcome again under the same token changes
  // nothing and answers alike. Released is CANCELLED if that was asked for meanwhile. Errors: kAborted the lease was
  // lost, or ended with another outcome · kFailedPrecondition Cancelled, but nobody asked for it.
  virtual absl::StatusOr<v1::Job> Finish(const std::string& token, const Outcome& outcome,
                                         absl::Span<const v1::JobEvent> events) = 0;

  // A queued job is CANCELLED at once, for a running one it is noted, a final one stays as it is. Answers with the job
  // as it is then. Errors: kNotFound.
  virtual absl::StatusOr<v1::Job> Cancel(const std::string& id) = 0;

  // Takes the leases away that were not renewed in time: their jobs are queued again, FAILED after kMaxAttempts, or
  // CANCELLED if that was asked for. Answers with the jobs that changed.
  virtual absl::StatusOr<std::vector<v1::Job>> ExpireLeases() = 0;

  // Up to `limit` events whose sequence is greater than `after_sequence`, in order. Errors: kNotFound no such job.
  virtual absl::StatusOr<std::vector<v1::JobEvent>> Events(const std::string& id, int64_t after_sequence,
                                                           int limit) = 0;

  virtual absl::StatusOr<JobCounts> Counts() = 0;

  // All workers seen within the last `period`, by name.
  virtual absl::StatusOr<std::vector<WorkerRecord>> Workers(absl::Duration period) = 0;
};

}  // namespace joinery::storage
