#include "server/job_queue.h"

#include <spdlog/spdlog.h>

#include <algorithm>
#include <utility>
#include <variant>

#include "absl/strings/str_cat.h"
#include "absl/time/clock.h"
#include "base/status.h"

namespace joinery::server {
namespace {

// gRPC's synchronous calls do not wake when their client goes, so waits look up this often.
constexpr absl::Duration kLookUp = absl::Milliseconds(200);
constexpr int kEventsAtATime = 100;

bool IsFinal(v1::JobState state) {
  return state == v1::JOB_STATE_SUCCEEDED || state == v1::JOB_STATE_FAILED || state == v1::JOB_STATE_CANCELLED;
}

absl::Status Stopping() { return absl::UnavailableError("the server is stopping; try again"); }
absl::Status Gone() { return absl::CancelledError("the client has gone"); }

void LogState(const v1::Job& job) {
  const std::string& state = v1::JobState_Name(job.state());
  if (job.state() == v1::JOB_STATE_FAILED) {
    spdlog::info("job_id={} state={} attempt={} worker={} reason={}", job.id(), state, job.attempts(), job.worker(),
                 v1::FailureReason_Name(job.failure().reason()));
  } else {
    spdlog::info("job_id={} state={} attempt={} worker={}", job.id(), state, job.attempts(), job.worker());
  }
}

}  // namespace

// Counts a watcher of a job for as long as it lives.
class JobQueue::Subscription {
 public:
  Subscription(JobQueue& queue, const std::string& id) : queue_(queue), id_(id) {
    const absl::MutexLock lock(&queue_.mutex_);
    watched_ = &queue_.watched_[id_];
    ++watched_->watchers;
  }
  ~Subscription() {
    const absl::MutexLock lock(&queue_.mutex_);
    if (--watched_->watchers == 0) queue_.watched_.erase(id_);
  }
  Subscription(const Subscription&) = delete;
  Subscription& operator=(const Subscription&) = delete;

  int64_t changes() {
    const absl::MutexLock lock(&queue_.mutex_);
    return watched_->changes;
  }

  // Until there was a change after those `seen`, or the queue stopped, or it is time to look up.
  absl::Status Wait(int64_t seen) {
    const absl::MutexLock lock(&queue_.mutex_);
    if (!queue_.stopped_ && watched_->changes == seen) watched_->changed.WaitWithTimeout(&queue_.mutex_, kLookUp);
    return queue_.stopped_ ? Stopping() : absl::OkStatus();
  }

 private:
  JobQueue& queue_;
  const std::string id_;
  Watched* watched_;
};

JobQueue::JobQueue(storage::JobStore& jobs, storage::BlobStore& blobs, absl::Duration lease_term)
    : jobs_(jobs), blobs_(blobs), lease_term_(lease_term) {}

absl::Status JobQueue::CheckBlob(absl::string_view field, const v1::BlobRef& blob) {
  ASSIGN_OR_RETURN(const std::optional<int64_t> size, blobs_.Find(blob.digest()));
  if (!size.has_value()) {
    return absl::FailedPreconditionError(
        absl::StrCat(field, ": blob ", blob.digest(), " is missing; upload it, then ask again"));
  }
  if (*size != blob.size()) {
    return absl::FailedPreconditionError(
        absl::StrCat(field, ": blob ", blob.digest(), " has ", *size, " bytes, not ", blob.size()));
  }
  return absl::OkStatus();
}

absl::Status JobQueue::CheckBlobs(const v1::JobSpec& spec) {
  RETURN_IF_ERROR(CheckBlob("build.model", spec.build().model()));
  return CheckBlob("build.calibration", spec.build().calibration());
}

absl::StatusOr<v1::Job> JobQueue::Create(const v1::JobSpec& spec, const std::string& request_id) {
  RETURN_IF_ERROR(CheckBlobs(spec));
  ASSIGN_OR_RETURN(storage::EnqueuedJob enqueued, jobs_.Enqueue(spec, request_id));
  if (enqueued.created) Announce(enqueued.job);
  return std::move(enqueued.job);
}

absl::StatusOr<v1::Job> JobQueue::Cancel(const std::string& id) {
  ASSIGN_OR_RETURN(const v1::Job before, jobs_.Get(id));
  ASSIGN_OR_RETURN(v1::Job job, jobs_.Cancel(id));
  if (job.state() != before.state()) Announce(job);
  return job;
}

absl::Status JobQueue::Watch(const std::string& id, int64_t after_sequence, const IsGone& is_gone,
                             const std::function<bool(const v1::JobEvent&)>& take) {
  RETURN_IF_ERROR(jobs_.Get(id).status());
  Subscription subscription(*this, id);
  bool is_final = false;
  while (!is_gone()) {
    const int64_t seen = subscription.changes();
    ASSIGN_OR_RETURN(const std::vector<v1::JobEvent> events, jobs_.Events(id, after_sequence, kEventsAtATime));
    for (const v1::JobEvent& event : events) {
      if (!take(event)) return Gone();
      after_sequence = event.sequence();
      if (event.has_job() && IsFinal(event.job().state())) return absl::OkStatus();
    }
    if (!events.empty()) continue;
    // Final, yet no final event: the watcher had seen it before. Only now, since it may have come after we looked.
    if (is_final) return absl::OkStatus();
    ASSIGN_OR_RETURN(const v1::Job job, jobs_.Get(id));
    is_final = IsFinal(job.state());
    if (!is_final) RETURN_IF_ERROR(subscription.Wait(seen));
  }
  return Gone();
}

absl::StatusOr<std::optional<storage::JobLease>> JobQueue::Claim(const std::string& worker,
                                                                 const std::string& compiler_version,
                                                                 const IsGone& is_gone) {
  if (is_gone()) return Gone();
  ASSIGN_OR_RETURN(std::optional<storage::JobLease> lease, jobs_.Claim(worker, compiler_version, lease_term_));
  if (!lease.has_value()) return lease;
  Announce(lease->job);
  if (!is_gone()) return lease;
  // Nobody will run it: better to return it now than to wait for the lease to run out.
  RETURN_IF_ERROR(Finish(lease->token, storage::Released{}, {}));
  return Gone();
}

absl::StatusOr<std::optional<storage::JobLease>> JobQueue::Lease(const std::string& worker,
                                                                 const std::string& compiler_version,
                                                                 absl::Duration wait, const IsGone& is_gone) {
  const absl::Time deadline = absl::Now() + wait;
  while (true) {
    int64_t seen = 0;
    {
      const absl::MutexLock lock(&mutex_);
      if (stopped_) return Stopping();
      seen = queued_;
    }
    ASSIGN_OR_RETURN(std::optional<storage::JobLease> lease, Claim(worker, compiler_version, is_gone));
    if (lease.has_value()) return lease;
    const absl::MutexLock lock(&mutex_);
    while (!stopped_ && queued_ == seen && absl::Now() < deadline && !is_gone()) {
      job_queued_.WaitWithTimeout(&mutex_, std::min(kLookUp, deadline - absl::Now()));
    }
    if (queued_ == seen && absl::Now() >= deadline) return std::nullopt;
  }
}

absl::StatusOr<bool> JobQueue::Extend(const std::string& token, absl::Span<const v1::JobEvent> events) {
  ASSIGN_OR_RETURN(const storage::LeaseRenewal renewal, jobs_.Extend(token, lease_term_, events));
  if (!events.empty()) {
    const absl::MutexLock lock(&mutex_);
    WakeWatchers(renewal.job_id);
  }
  return renewal.cancel_requested;
}

absl::Status JobQueue::Finish(const std::string& token, const storage::Outcome& outcome,
                              absl::Span<const v1::JobEvent> events) {
  if (const auto* result = std::get_if<v1::JobResult>(&outcome)) {
    RETURN_IF_ERROR(CheckBlob("result.artifact", result->artifact()));
    RETURN_IF_ERROR(CheckBlob("result.report", result->report()));
  }
  ASSIGN_OR_RETURN(const v1::Job job, jobs_.Finish(token, outcome, events));
  Announce(job);
  return absl::OkStatus();
}

absl::Status JobQueue::ExpireLeases() {
  ASSIGN_OR_RETURN(const std::vector<v1::Job> expired, jobs_.ExpireLeases());
  for (const v1::Job& job : expired) {
    spdlog::warn("job_id={} worker={} attempt={} lease=lost", job.id(), job.worker(), job.attempts());
    Announce(job);
  }
  return absl::OkStatus();
}

void JobQueue::Stop() {
  const absl::MutexLock lock(&mutex_);
  stopped_ = true;
  job_queued_.SignalAll();
  for (auto& [id, watched] : watched_) watched.changed.SignalAll();
}

void JobQueue::Announce(const v1::Job& job) {
  LogState(job);
  const absl::MutexLock lock(&mutex_);
  WakeWatchers(job.id());
  if (job.state() != v1::JOB_STATE_QUEUED) return;
  ++queued_;
  job_queued_.SignalAll();
}

void JobQueue::WakeWatchers(const std::string& id) {
  const auto found = watched_.find(id);
  if (found == watched_.end()) return;
  ++found->second.changes;
  found->second.changed.SignalAll();
}

}  // namespace joinery::server
