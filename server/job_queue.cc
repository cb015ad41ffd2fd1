#include "server/job_queue.h"

#include <spdlog/spdlog.h>

#include <algorithm>
#include <utility>
#include <variant>

#include "absl/strings/str_cat.h"
#include "base/status.h"
#include "storage/blob_refs.h"
#include "telemetry/log.h"

namespace joinery::server {
namespace {

using SteadyClock = std::chrono::steady_clock;

// gRPC's synchronous calls do not wake when their client goes, so waits look up this often.
constexpr std::chrono::milliseconds kLookUp(200);
// Nor does anything depend on every job being announced: one that was missed is seen this much later.
constexpr std::chrono::milliseconds kMissedJob(500);
constexpr std::chrono::milliseconds kSlowTend(1000);
// An idle worker asks every 5 s, and one that has a job more often.
constexpr absl::Duration kWorkerIsLive = absl::Seconds(8);
constexpr int kToldAtATime = 200;
constexpr int kDeletedAtATime = 100;

absl::Status Gone() { return absl::CancelledError("the client has gone"); }

bool MaySee(const access::Caller& caller, const v1::Job& job) {
  return caller.may_admin || caller.project == job.project();
}

void LogState(const v1::Job& job) {
  const std::string& state = v1::JobState_Name(job.state());
  if (job.state() == v1::JOB_STATE_FAILED) {
    spdlog::info("job_id={} user={} state={} attempt={} worker={} reason={}", job.id(), job.user(), state,
                 job.attempts(), job.worker(), v1::FailureReason_Name(job.failure().reason()));
  } else {
    spdlog::info("job_id={} user={} state={} attempt={} worker={}", job.id(), job.user(), state, job.attempts(),
                 job.worker());
  }
}

absl::Status CheckBlob(absl::string_view field, const v1::BlobRef& blob,
                       const absl::StatusOr<std::optional<int64_t>>& size) {
  RETURN_IF_ERROR(size.status());
  if (!size->has_value()) {
    return absl::FailedPreconditionError(
        absl::StrCat(field, ": blob ", blob.digest(), " is missing; upload it, then ask again"));
  }
  if (**size != blob.size()) {
    return absl::FailedPreconditionError(
        absl::StrCat(field, ": blob ", blob.digest(), " has ", **size, " bytes, not ", blob.size()));
  }
  return absl::OkStatus();
}

// What the job asks of its worker: what its options say, and the tool that its spec names.
v1::JobOptions Complete(v1::JobOptions options, const v1::JobSpec& spec) {
  if (spec.build().vendor_tool().empty()) return options;
  std::string label = absl::StrCat("vendor:", spec.build().vendor_tool());
  const auto& labels = options.requirements().labels();
  if (std::find(labels.begin(), labels.end(), label) == labels.end()) {
    options.mutable_requirements()->add_labels(std::move(label));
  }
  return options;
}

}  // namespace

JobQueue::JobQueue(storage::JobStore& jobs, BlobAccess& blobs, const JobQueueOptions& options)
    : jobs_(jobs), blobs_(blobs), options_(options) {
  jobs_.OnSharedChange([this](const v1::Job& job) { Announce(job); });
}

absl::Status JobQueue::CheckBlobs(const std::string& project, const v1::JobSpec& spec) {
  return storage::ForEachBlobRef(spec, "", [&](const std::string& field, const v1::BlobRef& blob) {
    return CheckBlob(field, blob, blobs_.Use(project, blob.digest()));
  });
}

absl::StatusOr<std::optional<v1::Job>> JobQueue::FindAnswer(const access::Caller& caller, const v1::JobSpec& spec) {
  ASSIGN_OR_RETURN(std::optional<v1::Job> answer, jobs_.FindAnswer(caller.project, spec));
  if (!answer.has_value()) return answer;
  // A result whose blobs are gone answers nothing.
  const absl::Status is_there =
      storage::ForEachBlobRef(answer->result(), "result", [&](const std::string& field, const v1::BlobRef& blob) {
        return CheckBlob(field, blob, blobs_.Use(caller.project, blob.digest()));
      });
  return is_there.ok() ? std::move(answer) : std::nullopt;
}

absl::StatusOr<storage::Submission> JobQueue::Prepare(const access::Caller& caller, const v1::JobSpec& spec,
                                                      const v1::JobOptions& options) {
  RETURN_IF_ERROR(CheckBlobs(caller.project, spec));
  storage::Submission submission = {.spec = spec,
                                    .request_id = "",
                                    .options = Complete(options, spec),
                                    .user = caller.user,
                                    .project = caller.project};
  submission.token_id = caller.token_id;
  submission.peer = caller.peer;
  if (!options.fresh()) {
    ASSIGN_OR_RETURN(submission.answer, FindAnswer(caller, spec));
  }
  return submission;
}

absl::Status JobQueue::Create(const access::Caller& caller, const v1::CreateJobRequest& request, CreateDone done) {
  ASSIGN_OR_RETURN(storage::Submission submission, Prepare(caller, request.spec(), request.options()));
  submission.request_id = request.request_id();
  jobs_.Enqueue(std::move(submission), [this, done = std::move(done)](absl::StatusOr<storage::EnqueuedJob> enqueued) {
    if (!enqueued.ok()) return done(enqueued.status());
    if (enqueued->created) Announce(enqueued->job);
    done(std::move(enqueued->job));
  });
  return absl::OkStatus();
}

absl::StatusOr<std::vector<v1::Job>> JobQueue::CreateArray(const access::Caller& caller,
                                                           const v1::CreateJobArrayRequest& request) {
  std::vector<storage::Submission> submissions;
  submissions.reserve(static_cast<size_t>(request.jobs_size()));
  for (int i = 0; i < request.jobs_size(); ++i) {
    absl::StatusOr<storage::Submission> submission = Prepare(caller, request.jobs(i).spec(), request.jobs(i).options());
    if (!submission.ok()) return base::Annotate(submission.status(), absl::StrCat("jobs[", i, "]"));
    submissions.push_back(*std::move(submission));
  }
  ASSIGN_OR_RETURN(storage::EnqueuedArray array, jobs_.EnqueueArray(submissions, request.request_id()));
  if (array.created) std::for_each(array.jobs.begin(), array.jobs.end(), [this](const v1::Job& job) { Announce(job); });
  return std::move(array.jobs);
}

absl::StatusOr<v1::Job> JobQueue::Get(const access::Caller& caller, const std::string& id) {
  ASSIGN_OR_RETURN(v1::Job job, jobs_.Get(id));
  if (MaySee(caller, job)) return job;
  // Word for word what the store says of a job that is not there.
  return absl::NotFoundError(absl::StrCat("there is no job ", id));
}

absl::StatusOr<storage::JobPage> JobQueue::List(const access::Caller& caller, storage::JobQuery query) {
  if (!caller.may_admin) query.project = caller.project;
  return jobs_.List(query);
}

absl::StatusOr<v1::Job> JobQueue::CancelSeen(const access::Caller& caller, const v1::Job& seen) {
  ASSIGN_OR_RETURN(v1::Job job, jobs_.Cancel(seen.id(), access::ActorOf(caller)));
  if (job.state() != seen.state()) Announce(job);
  return job;
}

absl::StatusOr<v1::Job> JobQueue::Cancel(const access::Caller& caller, const std::string& id) {
  ASSIGN_OR_RETURN(const v1::Job before, Get(caller, id));
  return CancelSeen(caller, before);
}

absl::StatusOr<std::vector<v1::Job>> JobQueue::CancelArray(const access::Caller& caller, const std::string& array_id) {
  ASSIGN_OR_RETURN(const std::vector<std::string> ids, jobs_.ArrayJobs(array_id));
  std::vector<v1::Job> jobs;
  jobs.reserve(ids.size());
  for (const std::string& id : ids) {
    ASSIGN_OR_RETURN(const v1::Job before, jobs_.Get(id));
    if (!MaySee(caller, before)) return absl::NotFoundError(absl::StrCat("there is no job array ", array_id));
    ASSIGN_OR_RETURN(v1::Job job, CancelSeen(caller, before));
    jobs.push_back(std::move(job));
  }
  return jobs;
}

absl::StatusOr<std::unique_ptr<JobWatch>> JobQueue::Watch(const access::Caller& caller, const std::string& id,
                                                          int64_t after_sequence, JobWatchers::Tell tell) {
  RETURN_IF_ERROR(Get(caller, id).status());
  return std::make_unique<JobWatch>(jobs_, stopped_, watchers_, id, after_sequence, std::move(tell));
}

absl::StatusOr<std::optional<storage::JobLease>> JobQueue::Claim(const storage::WorkerInfo& worker,
                                                                 const IsGone& is_gone) {
  if (is_gone()) return Gone();
  ASSIGN_OR_RETURN(std::optional<storage::JobLease> lease, jobs_.Claim(worker, options_.lease_term));
  if (!lease.has_value()) return lease;
  Announce(lease->job);
  if (!is_gone()) return lease;
  // Nobody will run it: better to return it now than to wait for the lease to run out.
  RETURN_IF_ERROR(Finish(lease->token, storage::Released{}, {}, 0, storage::ServerActor()));
  return Gone();
}

absl::StatusOr<bool> JobQueue::WaitForJob(JobWaiters::Waiter& waiter, SteadyClock::time_point deadline,
                                          const IsGone& is_gone) {
  SteadyClock::time_point look_at = SteadyClock::now() + kMissedJob;
  while (true) {
    const SteadyClock::time_point now = SteadyClock::now();
    if (waiter.Wait(std::clamp<std::chrono::nanoseconds>(deadline - now, SteadyClock::duration::zero(), kLookUp))) {
      return true;
    }
    if (stopped_) return StoppingError();
    if (is_gone()) return Gone();
    if (SteadyClock::now() >= deadline) return false;
    if (SteadyClock::now() < look_at) continue;
    // Jobs that have rested, or that could not be leased before, are not announced.
    ASSIGN_OR_RETURN(const storage::JobCounts counts, jobs_.Counts());
    if (counts.queued > 0) return true;
    look_at = SteadyClock::now() + kMissedJob;
  }
}

absl::StatusOr<std::optional<storage::JobLease>> JobQueue::Lease(const storage::WorkerInfo& worker, absl::Duration wait,
                                                                 const IsGone& is_gone) {
  const SteadyClock::time_point deadline = SteadyClock::now() + absl::ToChronoNanoseconds(wait);
  JobWaiters::Waiter waiter(waiters_, worker.capabilities);
  while (true) {
    waiter.Listen();
    if (stopped_) return StoppingError();
    ASSIGN_OR_RETURN(std::optional<storage::JobLease> lease, Claim(worker, is_gone));
    if (lease.has_value()) return lease;
    ASSIGN_OR_RETURN(const bool may_be_there, WaitForJob(waiter, deadline, is_gone));
    if (!may_be_there) return std::nullopt;
  }
}

absl::StatusOr<bool> JobQueue::Extend(const std::string& token, absl::Span<const v1::JobEvent> events,
                                      int64_t first_event) {
  ASSIGN_OR_RETURN(const storage::LeaseRenewal renewal, jobs_.Extend(token, options_.lease_term, events, first_event));
  if (!events.empty()) watchers_.Wake(renewal.job_id);
  for (const std::string& id : renewal.sharing) watchers_.Wake(id);
  return renewal.cancel_requested;
}

absl::Status JobQueue::Finish(const std::string& token, const storage::Outcome& outcome,
                              absl::Span<const v1::JobEvent> events, int64_t first_event, const storage::Actor& by) {
  if (const auto* result = std::get_if<v1::JobResult>(&outcome)) {
    // Whoever works has just uploaded them; they are the project's once the job has ended.
    RETURN_IF_ERROR(storage::ForEachBlobRef(*result, "result", [&](const std::string& field, const v1::BlobRef& blob) {
      return CheckBlob(field, blob, blobs_.UseAny(blob.digest()));
    }));
  }
  ASSIGN_OR_RETURN(const v1::Job job, jobs_.Finish(token, outcome, events, first_event, by));
  Announce(job);
  return absl::OkStatus();
}

absl::Status JobQueue::Tend() {
  ASSIGN_OR_RETURN(const std::vector<v1::Job> expired, jobs_.ExpireLeases());
  for (const v1::Job& job : expired) {
    spdlog::warn("job_id={} worker={} attempt={} end={}", job.id(), job.worker(), job.attempts(),
                 telemetry::LogValue(job.attempt_log().empty() ? "never leased" : job.attempt_log().rbegin()->end()));
    Announce(job);
  }
  if (SteadyClock::now() < next_slow_tend_) return absl::OkStatus();
  next_slow_tend_ = SteadyClock::now() + kSlowTend;
  // Nothing depends on every change being announced: what was missed is seen now.
  watchers_.WakeAll();
  return TendSlowly();
}

absl::Status JobQueue::TendSlowly() {
  ASSIGN_OR_RETURN(const std::vector<std::string> told, jobs_.NoteWaiting(kWorkerIsLive, kToldAtATime));
  for (const std::string& id : told) watchers_.Wake(id);
  if (options_.retain_jobs == absl::ZeroDuration()) return absl::OkStatus();
  ASSIGN_OR_RETURN(const int deleted, jobs_.DeleteFinished(options_.retain_jobs, kDeletedAtATime));
  if (deleted > 0) spdlog::info("deleted_jobs={}", deleted);
  return absl::OkStatus();
}

absl::Status JobQueue::SetServerDrain(bool drained, const storage::Actor& by) {
  RETURN_IF_ERROR(jobs_.SetServerDrain(drained, by));
  spdlog::info("server drained={} user={}", drained, by.user);
  // There may be work for all who wait.
  if (!drained) waiters_.WakeAll();
  return absl::OkStatus();
}

void JobQueue::Stop() {
  stopped_ = true;
  waiters_.WakeAll();
  watchers_.WakeAll();
}

void JobQueue::Announce(const v1::Job& job) {
  LogState(job);
  if (options_.observer != nullptr) options_.observer->JobChanged(job);
  watchers_.Wake(job.id());
  if (job.state() == v1::JOB_STATE_QUEUED) waiters_.WakeOne(job.options().requirements());
}

}  // namespace joinery::server
