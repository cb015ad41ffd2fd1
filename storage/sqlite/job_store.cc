#include "storage/sqlite/job_store.h"

#include <algorithm>
#include <iterator>
#include <limits>
#include <utility>

#include "absl/strings/str_cat.h"
#include "base/status.h"
#include "storage/blob_refs.h"
#include "storage/requirements.h"
#include "storage/sqlite/attempt_log.h"
#include "storage/sqlite/blob_owners.h"
#include "storage/sqlite/damaged_jobs.h"
#include "storage/sqlite/events.h"
#include "storage/sqlite/job_audit.h"
#include "storage/sqlite/job_id.h"
#include "storage/sqlite/job_list.h"
#include "storage/sqlite/job_row.h"
#include "storage/sqlite/leases.h"
#include "storage/sqlite/line.h"
#include "storage/sqlite/needs.h"
#include "storage/sqlite/quotas.h"
#include "storage/sqlite/schema.h"
#include "storage/sqlite/shared_runs.h"
#include "storage/sqlite/statements.h"
#include "storage/sqlite/submissions.h"
#include "storage/sqlite/workers.h"

namespace joinery::storage {
namespace {

// So long do reads of many rows keep others from reading.
constexpr int kRowsAtATime = 500;
constexpr int64_t kNoLimit = std::numeric_limits<int64_t>::max();
constexpr char kServerIsDrained[] = "an administrator has stopped the server from giving jobs to workers";

absl::Status NoSuchJob(const std::string& id) { return absl::NotFoundError(absl::StrCat("there is no job ", id)); }

absl::StatusOr<std::optional<int64_t>> FindNumber(Database& database, const char* sql, const char* parameter,
                                                  const std::string& value) {
  ASSIGN_OR_RETURN(const auto row, database.Prepare(sql));
  ASSIGN_OR_RETURN(const bool found, row->BindText(parameter, value).Step());
  if (!found) return std::nullopt;
  return row->Integer("number");
}

absl::StatusOr<int64_t> NumberOfJob(Database& database, const std::string& id) {
  ASSIGN_OR_RETURN(const std::optional<int64_t> number, FindNumber(database, statements::kFindJob, ":id", id));
  if (!number.has_value()) return NoSuchJob(id);
  return *number;
}

absl::StatusOr<std::vector<int64_t>> NumbersOfArray(Database& database, const std::string& array_id) {
  ASSIGN_OR_RETURN(const auto rows, database.Prepare(statements::kListArrayNumbers));
  rows->BindText(":array_id", array_id);
  return ReadNumbers(*rows);
}

absl::StatusOr<std::string> NewArrayId(Database& database, absl::Time now, const RandomSource& random) {
  while (true) {
    std::string id = MakeArrayId(now, random);
    ASSIGN_OR_RETURN(const std::vector<int64_t> taken, NumbersOfArray(database, id));
    if (taken.empty()) return id;
  }
}

// The jobs of an array that was submitted before, `first` being the number of its first.
absl::StatusOr<EnqueuedArray> FindEarlierArray(Database& database, int64_t first,
                                               absl::Span<const Submission> submissions) {
  ASSIGN_OR_RETURN(const v1::Job first_job, ReadJob(database, first));
  ASSIGN_OR_RETURN(const std::vector<int64_t> numbers, NumbersOfArray(database, first_job.array_id()));
  if (numbers.size() != submissions.size()) {
    return absl::AlreadyExistsError(absl::StrCat("the request_id was used for job array ", first_job.array_id(),
                                                 ", which has ", numbers.size(), " jobs; choose a new one"));
  }
  EnqueuedArray array;
  array.jobs.reserve(numbers.size());
  for (size_t i = 0; i < numbers.size(); ++i) {
    ASSIGN_OR_RETURN(v1::Job job, ReadJob(database, numbers[i]));
    RETURN_IF_ERROR(CheckSameRequest(job, submissions[i]));
    array.jobs.push_back(std::move(job));
  }
  return array;
}

absl::StatusOr<std::optional<int64_t>> ClaimNext(Database& database, const WorkerInfo& worker, const std::string& token,
                                                 absl::Duration term, const QueueLimits& limits, const Moment& now) {
  ASSIGN_OR_RETURN(const std::string needs, NeedsMetBy(database, worker.capabilities));
  ASSIGN_OR_RETURN(const auto row, database.Prepare(statements::kClaimJob));
  row->BindText(":worker", worker.name)
      .BindText(":compiler_version", worker.compiler_version)
      .BindText(":token", token)
      .BindText(":needs", needs)
      .BindInteger(":max_running", limits.max_running_per_user == 0 ? kNoLimit : limits.max_running_per_user)
      .BindInteger(":max_attempt", absl::ToInt64Nanoseconds(limits.max_attempt_duration))
      .BindInteger(":now", absl::ToUnixNanos(now.time))
      .BindInteger(":queue_now", now.queue)
      .BindInteger(":lease_until", now.queue + absl::ToInt64Nanoseconds(term));
  ASSIGN_OR_RETURN(const bool claimed, row->Step());
  if (!claimed) return std::nullopt;
  return row->Integer("number");
}

absl::StatusOr<bool> CancelQueued(Database& database, int64_t number, const Moment& now) {
  ASSIGN_OR_RETURN(const auto row, database.Prepare(statements::kCancelQueued));
  return row->BindInteger(":number", number)
      .BindInteger(":now", absl::ToUnixNanos(now.time))
      .BindInteger(":queue_now", now.queue)
      .Step();
}

absl::Status RequestCancel(Database& database, int64_t number) {
  ASSIGN_OR_RETURN(const auto statement, database.Prepare(statements::kRequestCancel));
  return statement->BindInteger(":number", number).Run();
}

// Workers may be alive, and could not renew their leases while there was no server.
absl::Status GrantGrace(Database& database, absl::Duration grace, const QueueLimits& limits, const Moment& now) {
  ASSIGN_OR_RETURN(const auto leases, database.Prepare(statements::kGrantGrace));
  RETURN_IF_ERROR(leases->BindInteger(":lease_until", now.queue + absl::ToInt64Nanoseconds(grace))
                      .BindInteger(":attempt_until", now.queue + absl::ToInt64Nanoseconds(limits.max_attempt_duration))
                      .Run());
  ASSIGN_OR_RETURN(const auto deadlines, database.Prepare(statements::kRenewDeadlines));
  return deadlines->BindInteger(":queue_now", now.queue).BindInteger(":now", absl::ToUnixNanos(now.time)).Run();
}

absl::StatusOr<int64_t> ReadQueueTime(Database& database) {
  ASSIGN_OR_RETURN(const auto row, database.Prepare(statements::kGetQueueTime));
  RETURN_IF_ERROR(row->Step().status());
  return row->Integer("now");
}

absl::Status WriteQueueTime(Database& database, const Moment& now) {
  ASSIGN_OR_RETURN(const auto statement, database.Prepare(statements::kSetQueueTime));
  return statement->BindInteger(":queue_now", now.queue).Run();
}

// Appends those of `events` that were not appended before, to the histories of the job and of those that share its run;
// `first_event` as in JobStore::Extend.
absl::Status AppendNewEvents(Database& database, int64_t number, absl::Span<const v1::JobEvent> events,
                             int64_t first_event, int64_t taken, absl::Time now) {
  if (first_event == 0) first_event = taken + 1;
  const int64_t repeated = std::clamp<int64_t>(taken + 1 - first_event, 0, static_cast<int64_t>(events.size()));
  events.remove_prefix(static_cast<size_t>(repeated));
  if (events.empty()) return absl::OkStatus();
  RETURN_IF_ERROR(AppendEvents(database, number, events, now));
  ASSIGN_OR_RETURN(const std::vector<int64_t> sharing, JobsSharing(database, number));
  for (const int64_t other : sharing) RETURN_IF_ERROR(AppendEvents(database, other, events, now));
  ASSIGN_OR_RETURN(const auto statement, database.Prepare(statements::kSetEventsTaken));
  return statement->BindInteger(":number", number)
      .BindInteger(":events_taken", first_event + repeated + static_cast<int64_t>(events.size()) - 1)
      .Run();
}

absl::StatusOr<std::vector<std::string>> IdsOfSharing(Database& database, int64_t leader) {
  ASSIGN_OR_RETURN(const std::vector<int64_t> sharing, JobsSharing(database, leader));
  std::vector<std::string> ids;
  ids.reserve(sharing.size());
  for (const int64_t number : sharing) {
    ASSIGN_OR_RETURN(const v1::Job job, ReadJob(database, number));
    ids.push_back(job.id());
  }
  return ids;
}

// The job of a lease that was just given.
absl::StatusOr<v1::Job> BeginRun(Database& database, int64_t number, const std::string& worker, const Moment& now) {
  RETURN_IF_ERROR(BeginAttempt(database, number, worker, now.time));
  return ReadChangedJob(database, number, now.time);
}

// The jobs that changed, `running` first.
absl::StatusOr<std::vector<v1::Job>> ExpireLease(Database& database, const RunningJob& running, const Moment& now) {
  ASSIGN_OR_RETURN(const v1::Job log, ReadAttemptLog(database, running.number));
  const bool lost = running.lease_until <= now.queue;
  if (lost) RETURN_IF_ERROR(NoteWorkerLoss(database, running.worker, now));
  const JobEnd end = EndOfExpired(running, log, now.queue);
  // A deadline is the job's own.
  if (!lost && running.expires_at.has_value() && *running.expires_at <= now.queue) {
    ASSIGN_OR_RETURN(const std::vector<int64_t> sharing, JobsSharing(database, running.number));
    if (!sharing.empty()) return HandOver(database, running.number, end, now);
  }
  return EndLease(database, running.number, end, now);
}

absl::StatusOr<v1::Job> FailOverdueSharing(Database& database, int64_t number, const Moment& now) {
  return EndAlone(database, number,
                  {.state = v1::JOB_STATE_FAILED,
                   .failure = DeadlinePassed("while it shared the run of another job"),
                   .attempt_end = "stopped"},
                  now);
}

// The jobs that changed besides those whose cancelling was only noted.
absl::StatusOr<std::vector<v1::Job>> CancelRunning(Database& database, int64_t number, const Moment& now) {
  const JobEnd end = {.state = v1::JOB_STATE_CANCELLED, .attempt_end = "cancelled"};
  ASSIGN_OR_RETURN(const bool shares, IsSharing(database, number));
  if (shares) {
    ASSIGN_OR_RETURN(v1::Job job, EndAlone(database, number, end, now));
    return std::vector<v1::Job>{std::move(job)};
  }
  ASSIGN_OR_RETURN(const std::vector<int64_t> sharing, JobsSharing(database, number));
  if (!sharing.empty()) return HandOver(database, number, end, now);
  RETURN_IF_ERROR(RequestCancel(database, number));
  return std::vector<v1::Job>();
}

absl::StatusOr<std::vector<int64_t>> FindOverdue(Database& database, int64_t queue_now) {
  ASSIGN_OR_RETURN(const auto rows, database.Prepare(statements::kFindOverdue));
  rows->BindInteger(":queue_now", queue_now);
  return ReadNumbers(*rows);
}

absl::StatusOr<v1::Job> FailOverdue(Database& database, int64_t number, const Moment& now) {
  ASSIGN_OR_RETURN(const auto statement, database.Prepare(statements::kFailQueued));
  RETURN_IF_ERROR(statement->BindInteger(":number", number)
                      .BindBlob(":failure", DeadlinePassed("while it was queued").SerializeAsString())
                      .BindInteger(":now", absl::ToUnixNanos(now.time))
                      .BindInteger(":queue_now", now.queue)
                      .Run());
  return ReadChangedJob(database, number, now.time);
}

// The reason why nobody can take the jobs of each need in line, as far as it is not what is stored.
absl::StatusOr<std::vector<Need>> ChangedReasons(Database& database, int64_t seen_since) {
  ASSIGN_OR_RETURN(const std::vector<Need> needs, NeedsInLine(database));
  if (needs.empty()) return std::vector<Need>();
  ASSIGN_OR_RETURN(const std::vector<v1::Capabilities> live, ListLiveCapabilities(database, seen_since));
  ASSIGN_OR_RETURN(const bool drained, ReadServerDrain(database));
  std::vector<Need> changed;
  for (const Need& need : needs) {
    std::string reason = drained ? kServerIsDrained : WhyNobodyCan(live, need.requirements);
    if (reason != need.waiting_reason) changed.push_back({need.number, need.requirements, std::move(reason)});
  }
  return changed;
}

absl::StatusOr<std::vector<int64_t>> FindUntold(Database& database, int limit) {
  ASSIGN_OR_RETURN(const std::vector<Need> needs, NeedsInLine(database));
  std::vector<int64_t> untold;
  for (const Need& need : needs) {
    if (need.waiting_reason.empty()) continue;
    ASSIGN_OR_RETURN(const auto rows, database.Prepare(statements::kListUntold));
    rows->BindInteger(":need", need.number).BindInteger(":limit", limit - static_cast<int64_t>(untold.size()));
    ASSIGN_OR_RETURN(const std::vector<int64_t> numbers, ReadNumbers(*rows));
    untold.insert(untold.end(), numbers.begin(), numbers.end());
  }
  return untold;
}

// The job's id.
absl::StatusOr<std::string> TellWaiting(Database& database, int64_t number, const Moment& now) {
  ASSIGN_OR_RETURN(const v1::Job job, ReadJob(database, number));
  v1::JobEvent event;
  event.mutable_log()->set_level(v1::LOG_LEVEL_WARNING);
  event.mutable_log()->set_text("the job waits, but " + job.waiting_reason());
  RETURN_IF_ERROR(AppendEvents(database, number, {event}, now.time));
  ASSIGN_OR_RETURN(const auto statement, database.Prepare(statements::kSetToldWaiting));
  RETURN_IF_ERROR(statement->BindInteger(":number", number).Run());
  return job.id();
}

absl::Status DeleteJob(Database& database, int64_t number, const Moment& now) {
  for (const char* sql : {statements::kDeleteEvents, statements::kDeleteFinishedLeases}) {
    ASSIGN_OR_RETURN(const auto statement, database.Prepare(sql));
    RETURN_IF_ERROR(statement->BindInteger(":number", number).Run());
  }
  ASSIGN_OR_RETURN(const auto job, database.Prepare(statements::kDeleteJob));
  ASSIGN_OR_RETURN(const bool deleted, job->BindInteger(":number", number).Step());
  if (!deleted) return absl::OkStatus();
  return AuditChange(database, ServerActor(), "job.delete", job->Text("id"), "user=" + job->Text("user"), now);
}

absl::Status TakeBlobs(const Statement& row, const std::function<void(const BlobUse&)>& take) {
  v1::JobSpec spec;
  v1::JobResult result;
  if (!spec.ParseFromString(row.Blob("spec")) || !result.ParseFromString(row.Blob("result"))) {
    return absl::DataLossError(absl::StrCat("job number ", row.Integer("number"), ": spec or result is damaged"));
  }
  const std::string project = row.Text("project");
  const auto take_of_project = [&](const std::string& /*field*/, const v1::BlobRef& blob) {
    take({blob.digest(), project});
    return absl::OkStatus();
  };
  RETURN_IF_ERROR(ForEachBlobRef(spec, "spec", take_of_project));
  return ForEachBlobRef(result, "result", take_of_project);
}

// What a project's job made is the project's.
absl::Status OwnResult(Database& database, const v1::Job& job) {
  std::vector<OwnedBlob> blobs;
  RETURN_IF_ERROR(ForEachBlobRef(job.result(), "result", [&](const std::string& /*field*/, const v1::BlobRef& blob) {
    blobs.push_back({.digest = blob.digest(), .size = blob.size()});
    return absl::OkStatus();
  }));
  if (blobs.empty()) return absl::OkStatus();
  return AddBlobOwners(database, {.user = job.user(), .project = job.project()}, blobs).status();
}

}  // namespace

absl::StatusOr<std::unique_ptr<SqliteJobStore>> SqliteJobStore::Open(const SqliteJobStoreOptions& options,
                                                                     const base::Clock& clock, RandomSource random) {
  auto store = std::unique_ptr<SqliteJobStore>(new SqliteJobStore(options, clock, std::move(random)));
  RETURN_IF_ERROR(store->Start(options));
  return store;
}

absl::Status SqliteJobStore::Start(const SqliteJobStoreOptions& options) {
  ASSIGN_OR_RETURN(writer_, Writer::Open(options.path, options.vfs));
  {
    const absl::MutexLock lock(&read_mutex_);
    ASSIGN_OR_RETURN(reader_, Database::Open(options.path, Durability::kProcessCrash, options.vfs));
    RETURN_IF_ERROR(reader_->Execute("PRAGMA query_only = ON"));
    started_at_ = clock_.Steady();
    ASSIGN_OR_RETURN(queue_time_at_start_, ReadQueueTime(*reader_));
  }
  return writer_->Run(Durability::kPowerLoss,
                      [&](Database& database) { return GrantGrace(database, options.restart_grace, limits_, Now()); });
}

Moment SqliteJobStore::Now() const {
  return {.time = clock_.Now(),
          .queue = queue_time_at_start_ + absl::ToInt64Nanoseconds(clock_.Steady() - started_at_)};
}

template <typename Body>
auto SqliteJobStore::Write(Durability durability, const Body& body)
    -> std::invoke_result_t<Body, Database&, const Moment&> {
  std::invoke_result_t<Body, Database&, const Moment&> result = absl::UnknownError("not run");
  const absl::Status status = writer_->Run(durability, [&](Database& database) -> absl::Status {
    const Moment now = Now();
    result = body(database, now);
    RETURN_IF_ERROR(result.status());
    return durability == Durability::kPowerLoss ? WriteQueueTime(database, now) : absl::OkStatus();
  });
  if (!status.ok()) return status;
  return result;
}

void SqliteJobStore::TellOf(absl::Span<const v1::Job> jobs) const {
  for (const v1::Job& job : jobs) told_(job);
}

absl::StatusOr<EnqueuedJob> SqliteJobStore::InsertOrFind(Database& database, const Submission& submission,
                                                         const Moment& now) const {
  const std::string request_id = StoredRequestId(submission.project, submission.request_id, -1);
  ASSIGN_OR_RETURN(const std::optional<int64_t> earlier,
                   FindNumber(database, statements::kFindRequest, ":request_id", request_id));
  if (earlier.has_value()) {
    ASSIGN_OR_RETURN(v1::Job job, ReadJob(database, *earlier));
    RETURN_IF_ERROR(CheckSameRequest(job, submission));
    return EnqueuedJob{std::move(job), false};
  }
  if (!submission.answer.has_value()) RETURN_IF_ERROR(CheckQueuedLimits(database, submission, 1, limits_));
  ASSIGN_OR_RETURN(v1::Job job, InsertJob(database, submission, request_id, {}, now, random_));
  RETURN_IF_ERROR(AuditSubmission(database, submission, job, now));
  return EnqueuedJob{std::move(job), true};
}

void SqliteJobStore::Enqueue(Submission submission, EnqueueDone done) {
  // Of what a write begins with and what it comes to.
  struct State {
    Submission submission;
    EnqueueDone done;
    absl::StatusOr<EnqueuedJob> result = absl::UnknownError("not run");
  };
  auto state = std::make_shared<State>(State{std::move(submission), std::move(done)});
  writer_->Start(
      Durability::kPowerLoss,
      [this, state](Database& database) -> absl::Status {
        const Moment now = Now();
        state->result = InsertOrFind(database, state->submission, now);
        RETURN_IF_ERROR(state->result.status());
        return WriteQueueTime(database, now);
      },
      [state](const absl::Status& status) {
        if (!status.ok()) state->result = status;
        state->done(std::move(state->result));
      });
}

absl::StatusOr<EnqueuedArray> SqliteJobStore::EnqueueArray(absl::Span<const Submission> submissions,
                                                           const std::string& request_id) {
  return Write(Durability::kPowerLoss, [&](Database& database, const Moment& now) -> absl::StatusOr<EnqueuedArray> {
    const std::string first_request = StoredRequestId(submissions.front().project, request_id, 0);
    ASSIGN_OR_RETURN(const std::optional<int64_t> earlier,
                     FindNumber(database, statements::kFindRequest, ":request_id", first_request));
    if (earlier.has_value()) return FindEarlierArray(database, *earlier, submissions);
    const auto queued = std::count_if(submissions.begin(), submissions.end(),
                                      [](const Submission& submission) { return !submission.answer.has_value(); });
    if (queued > 0) RETURN_IF_ERROR(CheckQueuedLimits(database, submissions.front(), queued, limits_));
    EnqueuedArray array = {.jobs = {}, .created = true};
    ASSIGN_OR_RETURN(std::string array_id, NewArrayId(database, now.time, random_));
    ArrayPlace place = {.array_id = std::move(array_id), .index = 0};
    for (const Submission& submission : submissions) {
      const std::string stored = StoredRequestId(submission.project, request_id, place.index);
      ASSIGN_OR_RETURN(v1::Job job, InsertJob(database, submission, stored, place, now, random_));
      RETURN_IF_ERROR(AuditSubmission(database, submission, job, now));
      array.jobs.push_back(std::move(job));
      ++place.index;
    }
    return array;
  });
}

absl::StatusOr<std::optional<v1::Job>> SqliteJobStore::FindAnswer(const std::string& project, const v1::JobSpec& spec) {
  const absl::MutexLock lock(&read_mutex_);
  ASSIGN_OR_RETURN(const auto row, reader_->Prepare(statements::kFindAnswer));
  row->BindText(":project", project).BindText(":spec_digest", SpecDigest(spec));
  ASSIGN_OR_RETURN(const bool found, row->Step());
  if (!found) return std::nullopt;
  ASSIGN_OR_RETURN(v1::Job job, ReadJob(*reader_, row->Integer("number")));
  return job;
}

absl::StatusOr<v1::Job> SqliteJobStore::Get(const std::string& id) {
  const absl::MutexLock lock(&read_mutex_);
  ASSIGN_OR_RETURN(const int64_t number, NumberOfJob(*reader_, id));
  return ReadJob(*reader_, number);
}

absl::StatusOr<JobPage> SqliteJobStore::List(const JobQuery& query) {
  const absl::MutexLock lock(&read_mutex_);
  return ListJobs(*reader_, query);
}

absl::StatusOr<std::optional<JobLease>> SqliteJobStore::Claim(const WorkerInfo& worker, absl::Duration term) {
  std::vector<v1::Job> others;
  absl::StatusOr<std::optional<JobLease>> lease = Write(
      Durability::kProcessCrash, [&](Database& database, const Moment& now) -> absl::StatusOr<std::optional<JobLease>> {
        ASSIGN_OR_RETURN(const bool may_work, TouchWorker(database, worker, now));
        if (!may_work) return std::nullopt;
        while (true) {
          std::string token = MakeLeaseToken(random_);
          ASSIGN_OR_RETURN(const std::optional<int64_t> number, ClaimNext(database, worker, token, term, limits_, now));
          if (!number.has_value()) return std::nullopt;
          absl::StatusOr<v1::Job> job = BeginRun(database, *number, worker.name, now);
          if (absl::IsDataLoss(job.status())) {
            ASSIGN_OR_RETURN(others.emplace_back(), SetAsideDamaged(database, *number, job.status(), now));
            continue;
          }
          RETURN_IF_ERROR(job.status());
          ASSIGN_OR_RETURN(std::vector<v1::Job> sharing, ShareWithQueued(database, *number, random_, now));
          std::move(sharing.begin(), sharing.end(), std::back_inserter(others));
          return JobLease{std::move(token), *std::move(job)};
        }
      });
  if (lease.ok()) TellOf(others);
  return lease;
}

absl::StatusOr<LeaseRenewal> SqliteJobStore::Extend(const std::string& token, absl::Duration term,
                                                    absl::Span<const v1::JobEvent> events, int64_t first_event) {
  return Write(Durability::kProcessCrash, [&](Database& database, const Moment& now) -> absl::StatusOr<LeaseRenewal> {
    ASSIGN_OR_RETURN(const auto row, database.Prepare(statements::kRenewLease));
    row->BindText(":token", token)
        .BindInteger(":queue_now", now.queue)
        .BindInteger(":lease_until", now.queue + absl::ToInt64Nanoseconds(term));
    ASSIGN_OR_RETURN(const bool renewed, row->Step());
    if (!renewed) return LeaseLost();
    RETURN_IF_ERROR(
        AppendNewEvents(database, row->Integer("number"), events, first_event, row->Integer("events_taken"), now.time));
    RETURN_IF_ERROR(TouchKnownWorker(database, row->Text("worker"), now));
    LeaseRenewal renewal = {.job_id = row->Text("id"), .cancel_requested = row->Integer("cancel_requested") != 0};
    if (!events.empty()) {
      ASSIGN_OR_RETURN(renewal.sharing, IdsOfSharing(database, row->Integer("number")));
    }
    return renewal;
  });
}

absl::StatusOr<v1::Job> SqliteJobStore::Finish(const std::string& token, const Outcome& outcome,
                                               absl::Span<const v1::JobEvent> events, int64_t first_event,
                                               const Actor& by) {
  std::vector<v1::Job> changed;
  absl::StatusOr<v1::Job> job =
      Write(Durability::kPowerLoss, [&](Database& database, const Moment& now) -> absl::StatusOr<v1::Job> {
        ASSIGN_OR_RETURN(const std::optional<RunningJob> running, FindLease(database, token, now.queue));
        if (!running.has_value()) {
          ASSIGN_OR_RETURN(const int64_t finished, RecallOutcome(database, token, outcome));
          return ReadJob(database, finished);
        }
        ASSIGN_OR_RETURN(const JobEnd end, EndOfOutcome(*running, outcome));
        RETURN_IF_ERROR(
            AppendNewEvents(database, running->number, events, first_event, running->events_taken, now.time));
        RETURN_IF_ERROR(TouchKnownWorker(database, running->worker, now));
        if (!end.uncounted) RETURN_IF_ERROR(ForgiveWorker(database, running->worker));
        RETURN_IF_ERROR(RememberOutcome(database, token, running->number, outcome));
        ASSIGN_OR_RETURN(changed, EndLease(database, running->number, end, now));
        RETURN_IF_ERROR(OwnResult(database, changed.front()));
        for (const v1::Job& ended : changed) RETURN_IF_ERROR(AuditEnd(database, by, ended, now));
        return changed.front();
      });
  if (job.ok() && !changed.empty()) TellOf(absl::MakeConstSpan(changed).subspan(1));
  return job;
}

absl::StatusOr<v1::Job> SqliteJobStore::Cancel(const std::string& id, const Actor& by) {
  std::vector<v1::Job> changed;
  absl::StatusOr<v1::Job> answer =
      Write(Durability::kPowerLoss, [&](Database& database, const Moment& now) -> absl::StatusOr<v1::Job> {
        ASSIGN_OR_RETURN(const int64_t number, NumberOfJob(database, id));
        ASSIGN_OR_RETURN(const bool cancelled, CancelQueued(database, number, now));
        if (!cancelled) {
          ASSIGN_OR_RETURN(changed, CancelRunning(database, number, now));
        }
        ASSIGN_OR_RETURN(v1::Job job, ReadJob(database, number));
        if (cancelled) RETURN_IF_ERROR(AppendStateEvent(database, number, job, now.time));
        if (cancelled || !changed.empty() || job.cancel_requested()) {
          RETURN_IF_ERROR(AuditChange(database, by, "job.cancel", job.id(), "user=" + job.user(), now));
        }
        return job;
      });
  if (answer.ok() && !changed.empty()) TellOf(absl::MakeConstSpan(changed).subspan(1));
  return answer;
}

absl::StatusOr<std::vector<std::string>> SqliteJobStore::ArrayJobs(const std::string& array_id) {
  const absl::MutexLock lock(&read_mutex_);
  ASSIGN_OR_RETURN(const std::vector<int64_t> numbers, NumbersOfArray(*reader_, array_id));
  if (numbers.empty()) return absl::NotFoundError(absl::StrCat("there is no job array ", array_id));
  std::vector<std::string> ids;
  ids.reserve(numbers.size());
  for (const int64_t number : numbers) {
    ASSIGN_OR_RETURN(const v1::Job job, ReadJob(*reader_, number));
    ids.push_back(job.id());
  }
  return ids;
}

absl::StatusOr<bool> SqliteJobStore::AnyToExpire() {
  const int64_t queue_now = Now().queue;
  const absl::MutexLock lock(&read_mutex_);
  ASSIGN_OR_RETURN(const std::vector<RunningJob> expired, FindExpired(*reader_, queue_now));
  if (!expired.empty()) return true;
  ASSIGN_OR_RETURN(const std::vector<int64_t> overdue, FindOverdue(*reader_, queue_now));
  if (!overdue.empty()) return true;
  ASSIGN_OR_RETURN(const std::vector<int64_t> sharing, FindOverdueSharing(*reader_, queue_now));
  return !sharing.empty();
}

absl::StatusOr<std::vector<v1::Job>> SqliteJobStore::ExpireLeases() {
  // Asked several times a second and rarely so: writers need not wait for the answer no.
  ASSIGN_OR_RETURN(const bool any, AnyToExpire());
  if (!any) return std::vector<v1::Job>();
  return Write(
      Durability::kPowerLoss, [&](Database& database, const Moment& now) -> absl::StatusOr<std::vector<v1::Job>> {
        std::vector<v1::Job> jobs;
        ASSIGN_OR_RETURN(const std::vector<RunningJob> expired, FindExpired(database, now.queue));
        for (const RunningJob& running : expired) {
          absl::StatusOr<std::vector<v1::Job>> changed = ExpireLease(database, running, now);
          if (absl::IsDataLoss(changed.status())) {
            ASSIGN_OR_RETURN(jobs.emplace_back(), SetAsideDamaged(database, running.number, changed.status(), now));
            continue;
          }
          RETURN_IF_ERROR(changed.status());
          std::move(changed->begin(), changed->end(), std::back_inserter(jobs));
        }
        ASSIGN_OR_RETURN(const std::vector<int64_t> overdue, FindOverdue(database, now.queue));
        for (const int64_t number : overdue) {
          ASSIGN_OR_RETURN(v1::Job job, FailOverdue(database, number, now));
          jobs.push_back(std::move(job));
        }
        ASSIGN_OR_RETURN(const std::vector<int64_t> sharing, FindOverdueSharing(database, now.queue));
        for (const int64_t number : sharing) {
          ASSIGN_OR_RETURN(v1::Job job, FailOverdueSharing(database, number, now));
          jobs.push_back(std::move(job));
        }
        for (const v1::Job& job : jobs) RETURN_IF_ERROR(AuditEnd(database, ServerActor(), job, now));
        return jobs;
      });
}

absl::StatusOr<bool> SqliteJobStore::AnyWaitingToNote(absl::Duration period) {
  const int64_t seen_since = Now().queue - absl::ToInt64Nanoseconds(period);
  const absl::MutexLock lock(&read_mutex_);
  ASSIGN_OR_RETURN(const std::vector<Need> changed, ChangedReasons(*reader_, seen_since));
  if (!changed.empty()) return true;
  ASSIGN_OR_RETURN(const std::vector<int64_t> untold, FindUntold(*reader_, 1));
  return !untold.empty();
}

absl::StatusOr<std::vector<std::string>> SqliteJobStore::NoteWaiting(absl::Duration period, int limit) {
  ASSIGN_OR_RETURN(const bool any, AnyWaitingToNote(period));
  if (!any) return std::vector<std::string>();
  return Write(Durability::kProcessCrash,
               [&](Database& database, const Moment& now) -> absl::StatusOr<std::vector<std::string>> {
                 const int64_t seen_since = now.queue - absl::ToInt64Nanoseconds(period);
                 ASSIGN_OR_RETURN(const std::vector<Need> changed, ChangedReasons(database, seen_since));
                 for (const Need& need : changed) {
                   RETURN_IF_ERROR(SetWaitingReason(database, need.number, need.waiting_reason));
                 }
                 ASSIGN_OR_RETURN(const std::vector<int64_t> untold, FindUntold(database, limit));
                 std::vector<std::string> ids;
                 ids.reserve(untold.size());
                 for (const int64_t number : untold) {
                   ASSIGN_OR_RETURN(std::string id, TellWaiting(database, number, now));
                   ids.push_back(std::move(id));
                 }
                 return ids;
               });
}

absl::StatusOr<int> SqliteJobStore::DeleteFinished(absl::Duration age, int limit) {
  return Write(Durability::kPowerLoss, [&](Database& database, const Moment& now) -> absl::StatusOr<int> {
    ASSIGN_OR_RETURN(const auto rows, database.Prepare(statements::kFindOldJobs));
    rows->BindInteger(":ended_before", now.queue - absl::ToInt64Nanoseconds(age)).BindInteger(":limit", limit);
    ASSIGN_OR_RETURN(const std::vector<int64_t> numbers, ReadNumbers(*rows));
    for (const int64_t number : numbers) RETURN_IF_ERROR(DeleteJob(database, number, now));
    return static_cast<int>(numbers.size());
  });
}

absl::Status SqliteJobStore::ForEachBlob(const std::function<void(const BlobUse&)>& take) {
  int64_t after = 0;
  while (true) {
    const absl::MutexLock lock(&read_mutex_);
    ASSIGN_OR_RETURN(const auto rows, reader_->Prepare(statements::kListBlobs));
    rows->BindInteger(":after", after).BindInteger(":limit", kRowsAtATime);
    int seen = 0;
    for (;; ++seen) {
      ASSIGN_OR_RETURN(const bool row, rows->Step());
      if (!row) break;
      RETURN_IF_ERROR(TakeBlobs(*rows, take));
      after = rows->Integer("number");
    }
    if (seen < kRowsAtATime) return absl::OkStatus();
  }
}

absl::StatusOr<std::vector<v1::JobEvent>> SqliteJobStore::Events(const std::string& id, int64_t after_sequence,
                                                                 int limit) {
  const absl::MutexLock lock(&read_mutex_);
  ASSIGN_OR_RETURN(const int64_t number, NumberOfJob(*reader_, id));
  return ReadEvents(*reader_, number, after_sequence, limit);
}

absl::StatusOr<JobCounts> SqliteJobStore::Counts() {
  const absl::MutexLock lock(&read_mutex_);
  ASSIGN_OR_RETURN(const auto row, reader_->Prepare(statements::kCountJobs));
  RETURN_IF_ERROR(row->Step().status());
  JobCounts counts = {.queued = row->Integer("queued"), .running = row->Integer("running")};
  if (!row->IsNull("oldest_queued_at")) counts.oldest_queued_at = absl::FromUnixNanos(row->Integer("oldest_queued_at"));
  return counts;
}

absl::Status SqliteJobStore::CheckWritable() {
  // A nanosecond, for SQLite does not write a row that stays the same.
  return writer_->Run(Durability::kPowerLoss,
                      [](Database& database) { return database.Execute("UPDATE queue_clock SET now = now + 1"); });
}

absl::StatusOr<std::vector<WorkerRecord>> SqliteJobStore::Workers(absl::Duration period) {
  const int64_t since = Now().queue - absl::ToInt64Nanoseconds(period);
  const absl::MutexLock lock(&read_mutex_);
  return ListWorkers(*reader_, since);
}

absl::Status SqliteJobStore::SetWorkerDrain(const std::string& name, bool drained, const Actor& by) {
  return writer_->Run(Durability::kPowerLoss, [&](Database& database) -> absl::Status {
    RETURN_IF_ERROR(DrainWorker(database, name, drained));
    return AuditChange(database, by, drained ? "worker.drain" : "worker.undrain", name, "", Now());
  });
}

absl::Status SqliteJobStore::SetServerDrain(bool drained, const Actor& by) {
  return writer_->Run(Durability::kPowerLoss, [&](Database& database) -> absl::Status {
    ASSIGN_OR_RETURN(const auto statement, database.Prepare(statements::kSetServerDrain));
    RETURN_IF_ERROR(statement->BindInteger(":drained", drained ? 1 : 0).Run());
    return AuditChange(database, by, drained ? "server.drain" : "server.undrain", "", "", Now());
  });
}

absl::StatusOr<bool> SqliteJobStore::IsServerDrained() {
  const absl::MutexLock lock(&read_mutex_);
  return ReadServerDrain(*reader_);
}

absl::StatusOr<std::vector<JobInLine>> SqliteJobStore::InLine(int limit) {
  const absl::MutexLock lock(&read_mutex_);
  return ListInLine(*reader_, limit, limits_, Now());
}

}  // namespace joinery::storage
