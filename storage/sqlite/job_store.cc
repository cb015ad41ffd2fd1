#include "storage/sqlite/job_store.h"

#include <algorithm>
#include <limits>
#include <utility>

#include "absl/strings/numbers.h"
#include "absl/strings/str_cat.h"
#include "absl/strings/str_join.h"
#include "base/status.h"
#include "storage/sqlite/events.h"
#include "storage/sqlite/job_id.h"
#include "storage/sqlite/job_row.h"
#include "storage/sqlite/leases.h"
#include "storage/sqlite/schema.h"
#include "storage/sqlite/statements.h"

namespace joinery::storage {
namespace {

// A page of jobs stays below what a gRPC client takes by default (4 MiB); a job's configuration may have 1 MiB.
constexpr size_t kMaxPageBytes = size_t{2} << 20;

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

absl::Status TouchWorker(Database& database, const std::string& worker, const std::string& compiler_version,
                         absl::Time now) {
  ASSIGN_OR_RETURN(const auto statement, database.Prepare(statements::kTouchWorker));
  return statement->BindText(":name", worker)
      .BindText(":compiler_version", compiler_version)
      .BindInteger(":now", absl::ToUnixNanos(now))
      .Run();
}

absl::Status TouchKnownWorker(Database& database, const std::string& worker, absl::Time now) {
  ASSIGN_OR_RETURN(const auto statement, database.Prepare(statements::kTouchKnownWorker));
  return statement->BindText(":name", worker).BindInteger(":now", absl::ToUnixNanos(now)).Run();
}

absl::StatusOr<std::optional<int64_t>> ClaimOldest(Database& database, const std::string& worker,
                                                   const std::string& token, absl::Time now, absl::Time until) {
  ASSIGN_OR_RETURN(const auto row, database.Prepare(statements::kClaimJob));
  row->BindText(":worker", worker)
      .BindText(":token", token)
      .BindInteger(":now", absl::ToUnixNanos(now))
      .BindInteger(":lease_until", absl::ToUnixNanos(until));
  ASSIGN_OR_RETURN(const bool claimed, row->Step());
  if (!claimed) return std::nullopt;
  return row->Integer("number");
}

absl::StatusOr<bool> CancelQueued(Database& database, int64_t number, absl::Time now) {
  ASSIGN_OR_RETURN(const auto row, database.Prepare(statements::kCancelQueued));
  return row->BindInteger(":number", number).BindInteger(":now", absl::ToUnixNanos(now)).Step();
}

absl::Status RequestCancel(Database& database, int64_t number) {
  ASSIGN_OR_RETURN(const auto statement, database.Prepare(statements::kRequestCancel));
  return statement->BindInteger(":number", number).Run();
}

absl::Status GrantGrace(Database& database, absl::Time until) {
  ASSIGN_OR_RETURN(const auto statement, database.Prepare(statements::kGrantGrace));
  return statement->BindInteger(":lease_until", absl::ToUnixNanos(until)).Run();
}

// A page's token is the number of its last job.
absl::StatusOr<int64_t> ParsePageToken(const std::string& token) {
  if (token.empty()) return std::numeric_limits<int64_t>::max();
  int64_t number = 0;
  if (absl::SimpleAtoi(token, &number) && number > 0) return number;
  return absl::InvalidArgumentError("page_token is not one that an earlier answer gave");
}

std::string StatesAsJson(const std::vector<v1::JobState>& states) {
  const auto append_quoted = [](std::string* out, v1::JobState state) {
    absl::StrAppend(out, "\"", StateName(state), "\"");
  };
  return absl::StrCat("[", absl::StrJoin(states, ",", append_quoted), "]");
}

}  // namespace

absl::StatusOr<std::unique_ptr<SqliteJobStore>> SqliteJobStore::Open(const SqliteJobStoreOptions& options,
                                                                     const base::Clock& clock, RandomSource random) {
  auto store = std::unique_ptr<SqliteJobStore>(new SqliteJobStore(clock, std::move(random)));
  RETURN_IF_ERROR(store->Start(options));
  return store;
}

absl::Status SqliteJobStore::Start(const SqliteJobStoreOptions& options) {
  const absl::MutexLock write_lock(&write_mutex_);
  const absl::MutexLock read_lock(&read_mutex_);
  ASSIGN_OR_RETURN(durable_, Database::Open(options.path, Durability::kPowerLoss, options.vfs));
  RETURN_IF_ERROR(MigrateSchema(*durable_));
  ASSIGN_OR_RETURN(relaxed_, Database::Open(options.path, Durability::kProcessCrash, options.vfs));
  ASSIGN_OR_RETURN(reader_, Database::Open(options.path, Durability::kProcessCrash, options.vfs));
  RETURN_IF_ERROR(reader_->Execute("PRAGMA query_only = ON"));
  return GrantGrace(*durable_, clock_.Now() + options.restart_grace);
}

absl::StatusOr<int64_t> SqliteJobStore::InsertJob(const v1::JobSpec& spec, const std::string& request_id,
                                                  absl::Time now) {
  std::string id = MakeJobId(now, random_);
  while (true) {
    ASSIGN_OR_RETURN(const std::optional<int64_t> taken, FindNumber(*durable_, statements::kFindJob, ":id", id));
    if (!taken.has_value()) break;
    id = MakeJobId(now, random_);
  }
  ASSIGN_OR_RETURN(const auto row, durable_->Prepare(statements::kInsertJob));
  row->BindText(":id", id)
      .BindText(":request_id", request_id)
      .BindBlob(":spec", spec.SerializeAsString())
      .BindInteger(":now", absl::ToUnixNanos(now));
  RETURN_IF_ERROR(row->Step().status());
  return row->Integer("number");
}

absl::StatusOr<EnqueuedJob> SqliteJobStore::Enqueue(const v1::JobSpec& spec, const std::string& request_id) {
  const absl::MutexLock lock(&write_mutex_);
  const absl::Time now = clock_.Now();
  return InTransaction(*durable_, [&]() ABSL_EXCLUSIVE_LOCKS_REQUIRED(write_mutex_) -> absl::StatusOr<EnqueuedJob> {
    ASSIGN_OR_RETURN(const std::optional<int64_t> earlier,
                     FindNumber(*durable_, statements::kFindRequest, ":request_id", request_id));
    if (earlier.has_value()) {
      ASSIGN_OR_RETURN(v1::Job job, ReadJob(*durable_, *earlier));
      if (job.spec().SerializeAsString() == spec.SerializeAsString()) return EnqueuedJob{std::move(job), false};
      return absl::AlreadyExistsError(absl::StrCat("the request_id was used for job ", job.id(),
                                                   ", which asks for something else; choose a new one"));
    }
    ASSIGN_OR_RETURN(const int64_t number, InsertJob(spec, request_id, now));
    ASSIGN_OR_RETURN(v1::Job job, ReadJob(*durable_, number));
    RETURN_IF_ERROR(AppendStateEvent(*durable_, number, job, now));
    return EnqueuedJob{std::move(job), true};
  });
}

absl::StatusOr<v1::Job> SqliteJobStore::Get(const std::string& id) {
  const absl::MutexLock lock(&read_mutex_);
  ASSIGN_OR_RETURN(const int64_t number, NumberOfJob(*reader_, id));
  return ReadJob(*reader_, number);
}

absl::StatusOr<JobPage> SqliteJobStore::List(const JobQuery& query) {
  ASSIGN_OR_RETURN(const int64_t before, ParsePageToken(query.page_token));
  const absl::MutexLock lock(&read_mutex_);
  ASSIGN_OR_RETURN(const auto rows, reader_->Prepare(statements::kListJobs));
  rows->BindInteger(":before", before).BindInteger(":limit", int64_t{query.page_size} + 1);
  if (!query.states.empty()) rows->BindText(":states", StatesAsJson(query.states));
  JobPage page;
  size_t bytes = 0;
  int64_t last = 0;
  while (true) {
    ASSIGN_OR_RETURN(const bool row, rows->Step());
    if (!row) return page;
    ASSIGN_OR_RETURN(v1::Job job, JobOfRow(*rows));
    bytes += job.ByteSizeLong();
    const bool full = static_cast<int>(page.jobs.size()) == query.page_size || bytes > kMaxPageBytes;
    if (full && !page.jobs.empty()) {
      page.next_page_token = absl::StrCat(last);
      return page;
    }
    page.jobs.push_back(std::move(job));
    last = rows->Integer("number");
  }
}

absl::StatusOr<std::optional<JobLease>> SqliteJobStore::Claim(const std::string& worker,
                                                              const std::string& compiler_version,
                                                              absl::Duration term) {
  const absl::MutexLock lock(&write_mutex_);
  const absl::Time now = clock_.Now();
  RETURN_IF_ERROR(TouchWorker(*relaxed_, worker, compiler_version, now));
  std::string token = MakeLeaseToken(random_);
  return InTransaction(
      *durable_, [&]() ABSL_EXCLUSIVE_LOCKS_REQUIRED(write_mutex_) -> absl::StatusOr<std::optional<JobLease>> {
        ASSIGN_OR_RETURN(const std::optional<int64_t> number, ClaimOldest(*durable_, worker, token, now, now + term));
        if (!number.has_value()) return std::nullopt;
        ASSIGN_OR_RETURN(v1::Job job, ReadJob(*durable_, *number));
        RETURN_IF_ERROR(AppendStateEvent(*durable_, *number, job, now));
        return JobLease{std::move(token), std::move(job)};
      });
}

absl::StatusOr<LeaseRenewal> SqliteJobStore::Extend(const std::string& token, absl::Duration term,
                                                    absl::Span<const v1::JobEvent> events) {
  const absl::MutexLock lock(&write_mutex_);
  const absl::Time now = clock_.Now();
  return InTransaction(*relaxed_, [&]() ABSL_EXCLUSIVE_LOCKS_REQUIRED(write_mutex_) -> absl::StatusOr<LeaseRenewal> {
    ASSIGN_OR_RETURN(const auto row, relaxed_->Prepare(statements::kRenewLease));
    row->BindText(":token", token)
        .BindInteger(":now", absl::ToUnixNanos(now))
        .BindInteger(":lease_until", absl::ToUnixNanos(now + term));
    ASSIGN_OR_RETURN(const bool renewed, row->Step());
    if (!renewed) return LeaseLost();
    RETURN_IF_ERROR(AppendEvents(*relaxed_, row->Integer("number"), events, now));
    RETURN_IF_ERROR(TouchKnownWorker(*relaxed_, row->Text("worker"), now));
    return LeaseRenewal{.job_id = row->Text("id"), .cancel_requested = row->Integer("cancel_requested") != 0};
  });
}

absl::StatusOr<v1::Job> SqliteJobStore::Finish(const std::string& token, const Outcome& outcome,
                                               absl::Span<const v1::JobEvent> events) {
  const absl::MutexLock lock(&write_mutex_);
  const absl::Time now = clock_.Now();
  return InTransaction(*durable_, [&]() ABSL_EXCLUSIVE_LOCKS_REQUIRED(write_mutex_) -> absl::StatusOr<v1::Job> {
    ASSIGN_OR_RETURN(const std::optional<RunningJob> running, FindLease(*durable_, token, now));
    if (!running.has_value()) {
      ASSIGN_OR_RETURN(const int64_t finished, RecallOutcome(*durable_, token, outcome));
      return ReadJob(*durable_, finished);
    }
    ASSIGN_OR_RETURN(const JobEnd end, EndOfOutcome(*running, outcome));
    RETURN_IF_ERROR(AppendEvents(*durable_, running->number, events, now));
    RETURN_IF_ERROR(TouchKnownWorker(*durable_, running->worker, now));
    RETURN_IF_ERROR(RememberOutcome(*durable_, token, running->number, outcome));
    return EndLease(*durable_, running->number, end, now);
  });
}

absl::StatusOr<v1::Job> SqliteJobStore::Cancel(const std::string& id) {
  const absl::MutexLock lock(&write_mutex_);
  const absl::Time now = clock_.Now();
  return InTransaction(*durable_, [&]() ABSL_EXCLUSIVE_LOCKS_REQUIRED(write_mutex_) -> absl::StatusOr<v1::Job> {
    ASSIGN_OR_RETURN(const int64_t number, NumberOfJob(*durable_, id));
    ASSIGN_OR_RETURN(const bool cancelled, CancelQueued(*durable_, number, now));
    RETURN_IF_ERROR(RequestCancel(*durable_, number));
    ASSIGN_OR_RETURN(v1::Job job, ReadJob(*durable_, number));
    if (cancelled) RETURN_IF_ERROR(AppendStateEvent(*durable_, number, job, now));
    return job;
  });
}

absl::StatusOr<bool> SqliteJobStore::AnyExpired(absl::Time now) {
  const absl::MutexLock lock(&read_mutex_);
  ASSIGN_OR_RETURN(const std::vector<RunningJob> expired, FindExpired(*reader_, now));
  return !expired.empty();
}

absl::StatusOr<std::vector<v1::Job>> SqliteJobStore::ExpireLeases() {
  const absl::Time now = clock_.Now();
  // Asked several times a second and rarely so: writers need not wait for the answer no.
  ASSIGN_OR_RETURN(const bool any, AnyExpired(now));
  if (!any) return std::vector<v1::Job>();
  const absl::MutexLock lock(&write_mutex_);
  return InTransaction(*durable_,
                       [&]() ABSL_EXCLUSIVE_LOCKS_REQUIRED(write_mutex_) -> absl::StatusOr<std::vector<v1::Job>> {
                         ASSIGN_OR_RETURN(const std::vector<RunningJob> expired, FindExpired(*durable_, now));
                         std::vector<v1::Job> jobs;
                         jobs.reserve(expired.size());
                         for (const RunningJob& running : expired) {
                           const JobEnd end = EndOfLostWorker(running);
                           ASSIGN_OR_RETURN(v1::Job job, EndLease(*durable_, running.number, end, now));
                           jobs.push_back(std::move(job));
                         }
                         return jobs;
                       });
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
  return JobCounts{.queued = row->Integer("queued"), .running = row->Integer("running")};
}

absl::StatusOr<std::vector<WorkerRecord>> SqliteJobStore::Workers(absl::Duration period) {
  const absl::MutexLock lock(&read_mutex_);
  ASSIGN_OR_RETURN(const auto rows, reader_->Prepare(statements::kListWorkers));
  rows->BindInteger(":since", absl::ToUnixNanos(clock_.Now() - period));
  std::vector<WorkerRecord> workers;
  while (true) {
    ASSIGN_OR_RETURN(const bool row, rows->Step());
    if (!row) return workers;
    workers.push_back(WorkerRecord{.name = rows->Text("name"),
                                   .compiler_version = rows->Text("compiler_version"),
                                   .last_seen_at = absl::FromUnixNanos(rows->Integer("last_seen_at")),
                                   .job_id = rows->Text("job_id")});
  }
}

}  // namespace joinery::storage
