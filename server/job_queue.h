// The rules of jobs and who waits for them: a JobStore that also wakes workers that wait for a job and people who watch
// one, and that shows everybody the jobs of the own project only.
#pragma once

#include <atomic>
#include <chrono>
#include <cstdint>
#include <functional>
#include <memory>
#include <optional>
#include <string>
#include <vector>

#include "absl/status/status.h"
#include "absl/status/statusor.h"
#include "absl/time/time.h"
#include "absl/types/span.h"
#include "joinery/v1/jobs.pb.h"
#include "server/access/caller.h"
#include "server/blob_access.h"
#include "server/job_waiters.h"
#include "server/job_watch.h"
#include "server/job_watchers.h"
#include "server/observer.h"
#include "storage/job_store.h"

namespace joinery::server {

// Whether the worker that a call waits for has gone. Asked a few times a second.
using IsGone = std::function<bool()>;

struct JobQueueOptions {
  // A lease lasts so long from when it was given or last renewed.
  absl::Duration lease_term = absl::Seconds(15);
  // Finished jobs are deleted after so long; zero: never.
  absl::Duration retain_jobs = absl::ZeroDuration();
  // Told of each change of a job; outlives the queue. Null: nobody is.
  Observer* observer = nullptr;
};

// Thread-safe. Waits happen in the caller's thread and hold no lock while they write or read. What a caller may not see
// is kNotFound to them.
class JobQueue {
 public:
  // Both must outlive the queue.
  JobQueue(storage::JobStore& jobs, BlobAccess& blobs, const JobQueueOptions& options);

  absl::Duration lease_term() const { return options_.lease_term; }

  // Answers by calling `done`, in a thread that others wait for, unless it returns an error.
  // Errors: those of JobStore::Enqueue · kFailedPrecondition a blob is missing or has another size.
  using CreateDone = std::function<void(absl::StatusOr<v1::Job>)>;
  absl::Status Create(const access::Caller& caller, const v1::CreateJobRequest& request, CreateDone done);
  // The jobs in the order of the request.
  absl::StatusOr<std::vector<v1::Job>> CreateArray(const access::Caller& caller,
                                                   const v1::CreateJobArrayRequest& request);
  absl::StatusOr<v1::Job> Get(const access::Caller& caller, const std::string& id);
  // Of the query's project, or the caller's own unless they may see all.
  absl::StatusOr<storage::JobPage> List(const access::Caller& caller, storage::JobQuery query);
  absl::StatusOr<v1::Job> Cancel(const access::Caller& caller, const std::string& id);
  absl::StatusOr<std::vector<v1::Job>> CancelArray(const access::Caller& caller, const std::string& array_id);

  // The events after `after_sequence`, first those of the past, then as they happen. `tell` is called as JobWatchers
  // does when there may be some. The watch must not outlive the queue.
  absl::StatusOr<std::unique_ptr<JobWatch>> Watch(const access::Caller& caller, const std::string& id,
                                                  int64_t after_sequence, JobWatchers::Tell tell);

  // The next job that the worker can take, waiting up to `wait` for one; nullopt if there is none.
  // Errors: kCancelled the worker has gone · kUnavailable the queue was stopped.
  absl::StatusOr<std::optional<storage::JobLease>> Lease(const storage::WorkerInfo& worker, absl::Duration wait,
                                                         const IsGone& is_gone);

  // As JobStore::Extend; tells whether the job is to be cancelled.
  absl::StatusOr<bool> Extend(const std::string& token, absl::Span<const v1::JobEvent> events, int64_t first_event);

  // As JobStore::Finish. Also kFailedPrecondition: a blob of the result is missing or has another size.
  absl::Status Finish(const std::string& token, const storage::Outcome& outcome, absl::Span<const v1::JobEvent> events,
                      int64_t first_event, const storage::Actor& by);

  // Takes away the leases that ran out, ends what took too long, and, about once a second, has watchers look for what
  // nobody announced, notes which jobs no worker can take and deletes old ones. To be called several times a second, by
  // one thread at a time.
  absl::Status Tend();

  absl::StatusOr<storage::JobCounts> Counts() { return jobs_.Counts(); }
  absl::StatusOr<std::vector<storage::WorkerRecord>> Workers(absl::Duration period) { return jobs_.Workers(period); }
  absl::Status SetWorkerDrain(const std::string& name, bool drained, const storage::Actor& by) {
    return jobs_.SetWorkerDrain(name, drained, by);
  }
  absl::Status SetServerDrain(bool drained, const storage::Actor& by);
  absl::StatusOr<bool> IsServerDrained() { return jobs_.IsServerDrained(); }
  absl::StatusOr<std::vector<storage::JobInLine>> InLine(int limit) { return jobs_.InLine(limit); }

  // Ends all waits with kUnavailable, and gives no more leases.
  void Stop();

 private:
  absl::Status CheckBlobs(const std::string& project, const v1::JobSpec& spec);
  absl::StatusOr<storage::Submission> Prepare(const access::Caller& caller, const v1::JobSpec& spec,
                                              const v1::JobOptions& options);
  absl::StatusOr<std::optional<v1::Job>> FindAnswer(const access::Caller& caller, const v1::JobSpec& spec);
  absl::StatusOr<v1::Job> CancelSeen(const access::Caller& caller, const v1::Job& seen);
  absl::StatusOr<std::optional<storage::JobLease>> Claim(const storage::WorkerInfo& worker, const IsGone& is_gone);
  // Whether there may be a job for `waiter` now, after waiting for one; false at the deadline.
  absl::StatusOr<bool> WaitForJob(JobWaiters::Waiter& waiter, std::chrono::steady_clock::time_point deadline,
                                  const IsGone& is_gone);
  absl::Status TendSlowly();
  // Wakes who waits for this job to change, or, if it is queued now, for a job.
  void Announce(const v1::Job& job);

  storage::JobStore& jobs_;
  BlobAccess& blobs_;
  const JobQueueOptions options_;
  std::atomic<bool> stopped_ = false;
  JobWaiters waiters_;
  JobWatchers watchers_;
  std::chrono::steady_clock::time_point next_slow_tend_;
};

}  // namespace joinery::server
