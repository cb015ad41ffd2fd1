// The rules of jobs and who waits for them: a JobStore that also wakes workers that wait for a job and people who watch
// one.
#pragma once

#include <cstdint>
#include <functional>
#include <map>
#include <optional>
#include <string>
#include <vector>

#include "absl/base/thread_annotations.h"
#include "absl/status/status.h"
#include "absl/status/statusor.h"
#include "absl/synchronization/mutex.h"
#include "absl/time/time.h"
#include "absl/types/span.h"
#include "joinery/v1/jobs.pb.h"
#include "storage/blob_store.h"
#include "storage/job_store.h"

namespace joinery::server {

// Whether the client that a call waits for has gone. Asked a few times a second.
using IsGone = std::function<bool()>;

// Thread-safe. Waits happen in the caller's thread and hold no lock while they write or read.
class JobQueue {
 public:
  // Both stores must outlive the queue. A lease lasts `lease_term` from when it was given or last renewed.
  JobQueue(storage::JobStore& jobs, storage::BlobStore& blobs, absl::Duration lease_term);

  absl::Duration lease_term() const { return lease_term_; }

  // Errors: those of JobStore::Enqueue · kFailedPrecondition a blob is missing or has another size.
  absl::StatusOr<v1::Job> Create(const v1::JobSpec& spec, const std::string& request_id);
  absl::StatusOr<v1::Job> Get(const std::string& id) { return jobs_.Get(id); }
  absl::StatusOr<storage::JobPage> List(const storage::JobQuery& query) { return jobs_.List(query); }
  absl::StatusOr<v1::Job> Cancel(const std::string& id);

  // Hands each event after `after_sequence` to `take`, first those of the past, then as they happen; returns after the
  // one that makes the job final. `take` returns false if nobody wants more.
  // Errors: kNotFound · kCancelled nobody wants more · kUnavailable the queue was stopped.
  absl::Status Watch(const std::string& id, int64_t after_sequence, const IsGone& is_gone,
                     const std::function<bool(const v1::JobEvent&)>& take);

  // The next job, waiting up to `wait` for one; nullopt if there is none.
  // Errors: kCancelled the worker has gone · kUnavailable the queue was stopped.
  absl::StatusOr<std::optional<storage::JobLease>> Lease(const std::string& worker, const std::string& compiler_version,
                                                         absl::Duration wait, const IsGone& is_gone);

  // As JobStore::Extend; tells whether the job is to be cancelled.
  absl::StatusOr<bool> Extend(const std::string& token, absl::Span<const v1::JobEvent> events);

  // As JobStore::Finish. Also kFailedPrecondition: a blob of the result is missing or has another size.
  absl::Status Finish(const std::string& token, const storage::Outcome& outcome, absl::Span<const v1::JobEvent> events);

  // Takes away the leases that ran out. To be called several times a second.
  absl::Status ExpireLeases();

  absl::StatusOr<storage::JobCounts> Counts() { return jobs_.Counts(); }
  absl::StatusOr<std::vector<storage::WorkerRecord>> Workers(absl::Duration period) { return jobs_.Workers(period); }

  // Ends all waits with kUnavailable, and gives no more leases.
  void Stop();

 private:
  // One job that somebody watches.
  struct Watched {
    int watchers = 0;
    int64_t changes = 0;
    absl::CondVar changed;
  };
  class Subscription;

  absl::Status CheckBlob(absl::string_view field, const v1::BlobRef& blob);
  absl::Status CheckBlobs(const v1::JobSpec& spec);
  absl::StatusOr<std::optional<storage::JobLease>> Claim(const std::string& worker, const std::string& compiler_version,
                                                         const IsGone& is_gone);
  // Wakes who waits for this job to change, or, if it is queued now, for a job.
  void Announce(const v1::Job& job);
  void WakeWatchers(const std::string& id) ABSL_EXCLUSIVE_LOCKS_REQUIRED(mutex_);

  storage::JobStore& jobs_;
  storage::BlobStore& blobs_;
  const absl::Duration lease_term_;

  absl::Mutex mutex_;
  bool stopped_ ABSL_GUARDED_BY(mutex_) = false;
  // How often a job was queued, so that none is missed between looking and waiting.
  int64_t queued_ ABSL_GUARDED_BY(mutex_) = 0;
  absl::CondVar job_queued_;
  std::map<std::string, Watched> watched_ ABSL_GUARDED_BY(mutex_);
};

}  // namespace joinery::server
