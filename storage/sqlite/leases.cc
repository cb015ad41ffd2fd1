#include "storage/sqlite/leases.h"

#include <utility>
#include <variant>

#include "absl/strings/str_cat.h"
#include "absl/strings/str_join.h"
#include "base/status.h"
#include "storage/failure_facts.h"
#include "storage/sqlite/attempt_log.h"
#include "storage/sqlite/events.h"
#include "storage/sqlite/job_row.h"
#include "storage/sqlite/shared_runs.h"
#include "storage/sqlite/statements.h"

namespace joinery::storage {
namespace {

// One letter for the kind, then the message; equal if and only if the outcomes are.
std::string SerializeOutcome(const Outcome& outcome) {
  if (const auto* result = std::get_if<v1::JobResult>(&outcome)) return absl::StrCat("R", result->SerializeAsString());
  if (const auto* failure = std::get_if<v1::Failure>(&outcome)) return absl::StrCat("F", failure->SerializeAsString());
  return std::holds_alternative<Cancelled>(outcome) ? "C" : "Q";
}

RunningJob RunningJobOfRow(const Statement& row) {
  RunningJob job = {.number = row.Integer("number"),
                    .attempts = static_cast<int>(row.Integer("attempts")),
                    .worker = row.Text("worker"),
                    .cancel_requested = row.Integer("cancel_requested") != 0,
                    .lease_until = row.Integer("lease_until"),
                    .attempt_until = row.Integer("attempt_until"),
                    .expires_at = std::nullopt,
                    .events_taken = row.Integer("events_taken")};
  if (!row.IsNull("expires_at")) job.expires_at = row.Integer("expires_at");
  return job;
}

// 1 s, 5 s, 25 s: what is wrong with the machines may pass.
absl::Duration RestAfter(int attempts) {
  absl::Duration rest = absl::Seconds(1);
  for (int attempt = 1; attempt < attempts; ++attempt) rest *= 5;
  return rest;
}

JobEnd TryAgain(const RunningJob& job, absl::string_view what, absl::string_view attempt_end) {
  const absl::Duration rest = RestAfter(job.attempts);
  return JobEnd{.state = v1::JOB_STATE_QUEUED,
                .rest = rest,
                .attempt_end = std::string(attempt_end),
                .note = absl::StrCat("attempt ", job.attempts, " of ", kMaxAttempts, ": worker ", job.worker, " ", what,
                                     "; the job is tried again in ", absl::FormatDuration(rest))};
}

JobEnd EndOfFailure(const RunningJob& job, v1::Failure failure) {
  CompleteFailure(failure);
  if (failure.fault_of() == v1::FAULT_OF_INFRASTRUCTURE) {
    if (job.cancel_requested) return JobEnd{.state = v1::JOB_STATE_CANCELLED, .attempt_end = "failed"};
    if (job.attempts < kMaxAttempts) return TryAgain(job, absl::StrCat("failed: ", failure.message()), "failed");
  }
  return JobEnd{.state = v1::JOB_STATE_FAILED, .failure = std::move(failure), .attempt_end = "failed"};
}

// "host:1 in stage calibrate, host:2 before its first stage".
std::string LostWorkers(const v1::Job& log) {
  std::vector<std::string> lost;
  for (const v1::Attempt& attempt : log.attempt_log()) {
    // The one that is being lost now has no end yet.
    if (!attempt.end().empty() && attempt.end() != "lost") continue;
    const int stages = attempt.stages_size();
    lost.push_back(stages == 0 ? absl::StrCat(attempt.worker(), " before its first stage")
                               : absl::StrCat(attempt.worker(), " in stage ", attempt.stages(stages - 1).stage()));
  }
  return absl::StrJoin(lost, ", ");
}

v1::Failure WorkerLost(const RunningJob& job, const v1::Job& log) {
  v1::Failure failure;
  failure.set_reason(v1::FAILURE_REASON_WORKER_LOST);
  failure.set_message(absl::StrCat("after ", job.attempts, " attempts the job is set aside: its workers stopped ",
                                   "answering (", LostWorkers(log), "), which it may be the cause of"));
  CompleteFailure(failure);
  return failure;
}

v1::Failure TimedOut(const RunningJob& job) {
  v1::Failure failure;
  failure.set_reason(v1::FAILURE_REASON_TIMED_OUT);
  failure.set_message(absl::StrCat("the attempt on worker ", job.worker, " took longer than it may"));
  CompleteFailure(failure);
  return failure;
}

}  // namespace

absl::StatusOr<std::optional<RunningJob>> FindLease(Database& database, const std::string& token, int64_t queue_now) {
  ASSIGN_OR_RETURN(const auto row, database.Prepare(statements::kFindLease));
  row->BindText(":token", token).BindInteger(":queue_now", queue_now);
  ASSIGN_OR_RETURN(const bool found, row->Step());
  if (!found) return std::nullopt;
  return RunningJobOfRow(*row);
}

absl::StatusOr<std::vector<RunningJob>> FindExpired(Database& database, int64_t queue_now) {
  ASSIGN_OR_RETURN(const auto rows, database.Prepare(statements::kFindExpired));
  rows->BindInteger(":queue_now", queue_now);
  std::vector<RunningJob> jobs;
  while (true) {
    ASSIGN_OR_RETURN(const bool row, rows->Step());
    if (!row) return jobs;
    jobs.push_back(RunningJobOfRow(*rows));
  }
}

absl::StatusOr<JobEnd> EndOfOutcome(const RunningJob& job, const Outcome& outcome) {
  if (const auto* result = std::get_if<v1::JobResult>(&outcome)) {
    return JobEnd{.state = v1::JOB_STATE_SUCCEEDED, .result = *result, .attempt_end = "succeeded"};
  }
  if (const auto* failure = std::get_if<v1::Failure>(&outcome)) return EndOfFailure(job, *failure);
  if (job.cancel_requested) return JobEnd{.state = v1::JOB_STATE_CANCELLED, .attempt_end = "cancelled"};
  if (std::holds_alternative<Released>(outcome)) {
    return JobEnd{.state = v1::JOB_STATE_QUEUED, .uncounted = true, .attempt_end = "released"};
  }
  return absl::FailedPreconditionError("the attempt was finished as cancelled, but nobody asked to cancel the job");
}

JobEnd EndOfExpired(const RunningJob& job, const v1::Job& log, int64_t queue_now) {
  const bool lost = job.lease_until <= queue_now;
  const std::string attempt_end = lost ? "lost" : "stopped";
  if (job.cancel_requested) return JobEnd{.state = v1::JOB_STATE_CANCELLED, .attempt_end = attempt_end};
  if (lost && job.attempts < kMaxAttempts) return TryAgain(job, "stopped answering", attempt_end);
  JobEnd end = {.state = v1::JOB_STATE_FAILED, .attempt_end = attempt_end};
  if (lost) {
    end.failure = WorkerLost(job, log);
  } else if (job.expires_at.has_value() && *job.expires_at <= queue_now) {
    end.failure = DeadlinePassed("while it ran on worker " + job.worker);
  } else {
    end.failure = TimedOut(job);
  }
  return end;
}

v1::Failure DeadlinePassed(absl::string_view when) {
  v1::Failure failure;
  failure.set_reason(v1::FAILURE_REASON_DEADLINE_PASSED);
  failure.set_message(absl::StrCat("the time by which the job had to end passed ", when));
  CompleteFailure(failure);
  return failure;
}

absl::StatusOr<v1::Job> EndAlone(Database& database, int64_t number, const JobEnd& end, const Moment& now) {
  RETURN_IF_ERROR(EndAttempt(database, number, end.attempt_end, now.time));
  if (!end.note.empty()) {
    v1::JobEvent note;
    note.mutable_log()->set_level(v1::LOG_LEVEL_WARNING);
    note.mutable_log()->set_text(end.note);
    RETURN_IF_ERROR(AppendEvents(database, number, {note}, now.time));
  }
  ASSIGN_OR_RETURN(const auto statement, database.Prepare(statements::kEndLease));
  statement->BindInteger(":number", number)
      .BindText(":state", StateName(end.state))
      .BindText(":answered_from", end.answered_from)
      .BindInteger(":uncounted_attempts", end.uncounted ? 1 : 0)
      .BindInteger(":now", absl::ToUnixNanos(now.time))
      .BindInteger(":queue_now", now.queue)
      .BindInteger(":not_before", now.queue + absl::ToInt64Nanoseconds(end.rest));
  if (end.result.has_value()) statement->BindBlob(":result", end.result->SerializeAsString());
  if (end.failure.has_value()) statement->BindBlob(":failure", end.failure->SerializeAsString());
  RETURN_IF_ERROR(statement->Run());
  return ReadChangedJob(database, number, now.time);
}

absl::StatusOr<std::vector<v1::Job>> EndLease(Database& database, int64_t number, const JobEnd& end,
                                              const Moment& now) {
  ASSIGN_OR_RETURN(const std::vector<int64_t> sharing, JobsSharing(database, number));
  std::vector<v1::Job> jobs;
  ASSIGN_OR_RETURN(jobs.emplace_back(), EndAlone(database, number, end, now));
  JobEnd shared = end;
  if (end.result.has_value()) shared.answered_from = jobs.front().id();
  for (const int64_t other : sharing) {
    ASSIGN_OR_RETURN(jobs.emplace_back(), EndAlone(database, other, shared, now));
  }
  return jobs;
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
