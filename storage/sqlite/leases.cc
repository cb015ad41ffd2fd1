#include "storage/sqlite/leases.h"

#include <utility>
#include <variant>

#include "absl/strings/str_cat.h"
#include "base/status.h"
#include "storage/sqlite/events.h"
#include "storage/sqlite/job_row.h"
#include "storage/sqlite/statements.h"

namespace joinery::storage {
namespace {

// One letter for the kind, then the message; equal if and only if the outcomes are.
std::string SerializeOutcome(const Outcome& outcome) {
  if (const auto* result = std::get_if<v1::JobResult>(&outcome)) return absl::StrCat("R", result->SerializeAsString());
  if (const auto* failure = std::get_if<v1::Failure>(&outcome)) return absl::StrCat("F", failure->SerializeAsString());
  return std::holds_alternative<Cancelled>(outcome) ? "C" : "Q";
}

}  // namespace

absl::StatusOr<std::optional<RunningJob>> FindLease(Database& database, const std::string& token, absl::Time now) {
  ASSIGN_OR_RETURN(const auto row, database.Prepare(statements::kFindLease));
  row->BindText(":token", token).BindInteger(":now", absl::ToUnixNanos(now));
  ASSIGN_OR_RETURN(const bool found, row->Step());
  if (!found) return std::nullopt;
  return RunningJob{.number = row->Integer("number"),
                    .attempts = static_cast<int>(row->Integer("attempts")),
                    .worker = row->Text("worker"),
                    .cancel_requested = row->Integer("cancel_requested") != 0};
}

absl::StatusOr<std::vector<RunningJob>> FindExpired(Database& database, absl::Time now) {
  ASSIGN_OR_RETURN(const auto rows, database.Prepare(statements::kFindExpired));
  rows->BindInteger(":now", absl::ToUnixNanos(now));
  std::vector<RunningJob> jobs;
  while (true) {
    ASSIGN_OR_RETURN(const bool row, rows->Step());
    if (!row) return jobs;
    jobs.push_back(RunningJob{.number = rows->Integer("number"),
                              .attempts = static_cast<int>(rows->Integer("attempts")),
                              .worker = rows->Text("worker"),
                              .cancel_requested = rows->Integer("cancel_requested") != 0});
  }
}

absl::StatusOr<JobEnd> EndOfOutcome(const RunningJob& job, const Outcome& outcome) {
  if (const auto* result = std::get_if<v1::JobResult>(&outcome)) {
    return JobEnd{.state = v1::JOB_STATE_SUCCEEDED, .result = *result};
  }
  if (const auto* failure = std::get_if<v1::Failure>(&outcome)) {
    return JobEnd{.state = v1::JOB_STATE_FAILED, .failure = *failure};
  }
  if (job.cancel_requested) return JobEnd{.state = v1::JOB_STATE_CANCELLED};
  if (std::holds_alternative<Released>(outcome)) return JobEnd{.state = v1::JOB_STATE_QUEUED, .uncounted = true};
  return absl::FailedPreconditionError("the attempt was finished as cancelled, but nobody asked to cancel the job");
}

JobEnd EndOfLostWorker(const RunningJob& job) {
  if (job.cancel_requested) return JobEnd{.state = v1::JOB_STATE_CANCELLED};
  if (job.attempts < kMaxAttempts) return JobEnd{.state = v1::JOB_STATE_QUEUED};
  v1::Failure failure;
  failure.set_reason(v1::FAILURE_REASON_WORKER_LOST);
  failure.set_message(absl::StrCat("the worker stopped answering in each of ", job.attempts, " attempts, last ",
                                   job.worker,
                                   "; look at the workers' logs for what ended them, then submit the job again"));
  return JobEnd{.state = v1::JOB_STATE_FAILED, .failure = std::move(failure)};
}

absl::StatusOr<v1::Job> EndLease(Database& database, int64_t number, const JobEnd& end, absl::Time now) {
  ASSIGN_OR_RETURN(const auto statement, database.Prepare(statements::kEndLease));
  statement->BindInteger(":number", number)
      .BindText(":state", StateName(end.state))
      .BindInteger(":uncounted_attempts", end.uncounted ? 1 : 0)
      .BindInteger(":now", absl::ToUnixNanos(now));
  if (end.result.has_value()) statement->BindBlob(":result", end.result->SerializeAsString());
  if (end.failure.has_value()) statement->BindBlob(":failure", end.failure->SerializeAsString());
  RETURN_IF_ERROR(statement->Run());
  ASSIGN_OR_RETURN(v1::Job job, ReadJob(database, number));
  RETURN_IF_ERROR(AppendStateEvent(database, number, job, now));
  return job;
}

absl::Status RememberOutcome(Database& database, const std::string& token, int64_t number, const Outcome& outcome) {
  ASSIGN_OR_RETURN(const auto statement, database.Prepare(statements::kInsertFinishedLease));
  return statement->BindText(":token", token)
      .BindInteger(":number", number)
      .BindBlob(":outcome", SerializeOutcome(outcome))
      .Run();
}

absl::StatusOr<int64_t> RecallOutcome(Database& database, const std::string& token, const Outcome& outcome) {
  ASSIGN_OR_RETURN(const auto row, database.Prepare(statements::kFindFinishedLease));
  ASSIGN_OR_RETURN(const bool found, row->BindText(":token", token).Step());
  if (!found || row->Blob("outcome") != SerializeOutcome(outcome)) return LeaseLost();
  return row->Integer("job");
}

absl::Status LeaseLost() {
  return absl::AbortedError("the lease was lost or is over: stop the work and throw it away");
}

}  // namespace joinery::storage
