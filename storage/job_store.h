// The durable job queue. States and their changes are those of JobService (joinery/v1/jobs.proto): QUEUED, RUNNING
// under a lease, then SUCCEEDED, FAILED or CANCELLED. Every change of state adds a Job event to the job's history in
// the same transaction. Time comes from an injected base::Clock, never from the database. What runs out does so by the
// clock's steady reading: setting the time of day changes no lease, no rank and no limit.
#pragma once

#include <cstdint>
#include <functional>
#include <optional>
#include <string>
#include <utility>
#include <variant>
#include <vector>

#include "absl/status/status.h"
#include "absl/status/statusor.h"
#include "absl/synchronization/notification.h"
#include "absl/time/time.h"
#include "absl/types/span.h"
#include "joinery/v1/jobs.pb.h"
#include "storage/audit_log.h"

namespace joinery::storage {

// So many attempts may fail by a fault of the infrastructure, such as a lost worker, before the job is FAILED.
inline constexpr int kMaxAttempts = 3;

// What users and jobs may have at most, where AccessStore::SetLimits said nothing. 0: as much as they like.
struct QueueLimits {
  int64_t max_queued_per_user = 0;
  int64_t max_running_per_user = 0;
  absl::Duration max_attempt_duration = absl::Hours(1);
};

// A job as somebody asks for it.
struct Submission {
  v1::JobSpec spec;
  std::string request_id;
  v1::JobOptions options = {};
  std::string user = "local";
  std::string project = "default";
  // A finished job whose result this one has at once, instead of being run.
  std::optional<v1::Job> answer = std::nullopt;
  // For the audit log, besides user and project.
  std::string token_id = "";
  std::string peer = "";
};

struct EnqueuedJob {
  v1::Job job;
  // False if the request had been made before.
  bool created = false;
};

struct EnqueuedArray {
  // In the order of the submissions.
  std::vector<v1::Job> jobs;
  bool created = false;
};

// Who asks for a job.
struct WorkerInfo {
  std::string name;
  std::string compiler_version;
  v1::Capabilities capabilities = {};
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
  // The ids of the jobs that share the run and were given the events too.
  std::vector<std::string> sharing = {};
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
  // Only the jobs of these, each unless it is empty.
  std::string project = "";
  std::string user = "";
  std::string array_id = "";
};

// May hold fewer jobs than asked for, to keep its size within bounds; it is the last if next_page_token is empty.
struct JobPage {
  std::vector<v1::Job> jobs;
  std::string next_page_token;
};

struct JobCounts {
  int64_t queued = 0;
  int64_t running = 0;
  // When the oldest queued job was created; nullopt if none is queued.
  std::optional<absl::Time> oldest_queued_at = std::nullopt;
};

struct WorkerRecord {
  std::string name;
  std::string compiler_version;
  absl::Time last_seen_at;
  // Empty if it has none.
  std::string job_id;
  v1::Capabilities capabilities;
  // It is given no jobs.
  bool drained = false;
};

// A queued job, for people.
struct JobInLine {
  std::string id;
  std::string user;
  std::string project;
  absl::Time created_at;
  int priority = 0;
  // Why it is not running.
  std::string reason;
};

// A blob that a job was given or made.
struct BlobUse {
  std::string digest;
  std::string project;
};

// Thread-safe; every call is one transaction. Once Enqueue, Finish, Cancel or ExpireLeases has answered, the change
// survives a power loss; leases, renewals and events survive a crash of the process (a lease that a power loss undid is
// lost: its job is queued, and the worker is told so). Any call may fail with kUnavailable (try again),
// kResourceExhausted (no room on disk) or kDataLoss (damaged storage); what failed so may have happened all the same,
// as when an answer is lost. What was asked for by somebody, and jobs that fail or are deleted, are in the audit log.
class JobStore {
 public:
  virtual ~JobStore() = default;

  // `told` is called with each job that changed besides those that a call answers with (identical jobs share a run, and
  // change with it), after that was committed, by the thread of the call. To be set before any other call.
  virtual void OnSharedChange(std::function<void(const v1::Job&)> told) = 0;

  // Queues a job. The same request of the same project again answers with the first job, as it is now.
  // Errors: kAlreadyExists the request_id was used with another spec or other options · kResourceExhausted the user
  // or project has as many jobs queued as the limit allows.
  // Answers by calling `done` once, in a thread that others wait for: it must not wait, nor throw.
  using EnqueueDone = std::function<void(absl::StatusOr<EnqueuedJob>)>;
  virtual void Enqueue(Submission submission, EnqueueDone done) = 0;
  // Waits for the answer.
  absl::StatusOr<EnqueuedJob> Enqueue(const Submission& submission) {
    absl::StatusOr<EnqueuedJob> answer = absl::UnknownError("not answered");
    absl::Notification answered;
    Enqueue(submission, [&](absl::StatusOr<EnqueuedJob> enqueued) {
      answer = std::move(enqueued);
      answered.Notify();
    });
    answered.WaitForNotification();
    return answer;
  }

  // Queues all of them, or none. They must be of one user and project; `request_id` is that of the whole, their own do
  // not count. Otherwise as Enqueue.
  virtual absl::StatusOr<EnqueuedArray> EnqueueArray(absl::Span<const Submission> submissions,
                                                     const std::string& request_id) = 0;

  // The newest job of the project with the same spec that succeeded under the compiler that would run it now.
  virtual absl::StatusOr<std::optional<v1::Job>> FindAnswer(const std::string& project, const v1::JobSpec& spec) = 0;

  // kNotFound if there is no such job.
  virtual absl::StatusOr<v1::Job> Get(const std::string& id) = 0;

  // Newest first. Errors: kInvalidArgument the page token is none of ours.
  virtual absl::StatusOr<JobPage> List(const JobQuery& query) = 0;

  // Leases the job whose turn it is (see JobService) among those that `worker` can take, for `term`; nullopt if there
  // is none, or the worker is drained, or rests since it lost leases in a row. In any case the worker has been seen.
  virtual absl::StatusOr<std::optional<JobLease>> Claim(const WorkerInfo& worker, absl::Duration term) = 0;

  // Renews the lease to `term` from now and appends `events` (progress or log; their sequence and time are given here).
  // The first of them is number `first_event` of the attempt, from 1, and those that were appended before are left out;
  // 0 if all are new. Errors: kAborted the lease was lost.
  virtual absl::StatusOr<LeaseRenewal> Extend(const std::string& token, absl::Duration term,
                                              absl::Span<const v1::JobEvent> events, int64_t first_event) = 0;

  // Ends the attempt and answers with the job as it is then. The same outcome again under the same token changes
  // nothing and answers alike. Released is CANCELLED if that was asked for meanwhile. After a failure by a fault of the
  // infrastructure the job is queued again and rests, unless it was the last of kMaxAttempts. Errors: kAborted the
  // lease was lost, or ended with another outcome · kFailedPrecondition Cancelled, but nobody asked for it.
  virtual absl::StatusOr<v1::Job> Finish(const std::string& token, const Outcome& outcome,
                                         absl::Span<const v1::JobEvent> events, int64_t first_event,
                                         const Actor& by) = 0;
  absl::StatusOr<v1::Job> Finish(const std::string& token, const Outcome& outcome,
                                 absl::Span<const v1::JobEvent> events, int64_t first_event) {
    return Finish(token, outcome, events, first_event, ServerActor());
  }

  // A queued job is CANCELLED at once, and so is one of several that share a run, which goes on for the others; for any
  // other running one it is noted; a final one stays as it is. Answers with the job as it is then. Errors: kNotFound.
  virtual absl::StatusOr<v1::Job> Cancel(const std::string& id, const Actor& by) = 0;
  absl::StatusOr<v1::Job> Cancel(const std::string& id) { return Cancel(id, ServerActor()); }

  // The ids of the array's jobs, in order. Errors: kNotFound there is no such array.
  virtual absl::StatusOr<std::vector<std::string>> ArrayJobs(const std::string& array_id) = 0;

  // Takes the leases away that were not renewed in time: their jobs are queued again, FAILED after kMaxAttempts, or
  // CANCELLED if that was asked for. Fails attempts that took too long, and jobs whose deadline has passed. Answers
  // with the jobs that changed.
  virtual absl::StatusOr<std::vector<v1::Job>> ExpireLeases() = 0;

  // Finds out which queued jobs none of the workers seen within `period` could take; Job.waiting_reason tells so, and,
  // for up to `limit` jobs a call, a line in their history. Answers with the ids of those.
  virtual absl::StatusOr<std::vector<std::string>> NoteWaiting(absl::Duration period, int limit) = 0;

  // Deletes up to `limit` jobs that ended longer than `age` ago, with their history, and answers with how many.
  virtual absl::StatusOr<int> DeleteFinished(absl::Duration age, int limit) = 0;

  // Calls `take` for every blob that a job was given or made, more than once if it is used more than once. Uses that
  // begin meanwhile may be left out if they are results.
  virtual absl::Status ForEachBlob(const std::function<void(const BlobUse&)>& take) = 0;

  // Up to `limit` events whose sequence is greater than `after_sequence`, in order. Errors: kNotFound no such job.
  virtual absl::StatusOr<std::vector<v1::JobEvent>> Events(const std::string& id, int64_t after_sequence,
                                                           int limit) = 0;

  virtual absl::StatusOr<JobCounts> Counts() = 0;

  // Whether it could take a job now: writes something that changes nothing, and waits for the disk.
  virtual absl::Status CheckWritable() = 0;

  // All workers seen within the last `period`, by name.
  virtual absl::StatusOr<std::vector<WorkerRecord>> Workers(absl::Duration period) = 0;

  // A worker that is drained is given no more jobs. Errors: kNotFound no worker of this name was ever seen.
  virtual absl::Status SetWorkerDrain(const std::string& name, bool drained, const Actor& by) = 0;
  absl::Status SetWorkerDrain(const std::string& name, bool drained) {
    return SetWorkerDrain(name, drained, ServerActor());
  }

  // While the server is drained nobody is given a job; it stays so when the store is opened again.
  virtual absl::Status SetServerDrain(bool drained, const Actor& by) = 0;
  virtual absl::StatusOr<bool> IsServerDrained() = 0;

  // Up to `limit` queued jobs, in about the order of their turns.
  virtual absl::StatusOr<std::vector<JobInLine>> InLine(int limit) = 0;
};

}  // namespace joinery::storage
