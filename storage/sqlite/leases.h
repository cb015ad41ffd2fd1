// How attempts end, in the tables jobs and finished_leases. All within the open transaction.
#pragma once

#include <cstdint>
#include <optional>
#include <string>
#include <vector>

#include "absl/status/status.h"
#include "absl/status/statusor.h"
#include "absl/strings/string_view.h"
#include "absl/time/time.h"
#include "joinery/v1/jobs.pb.h"
#include "storage/job_store.h"
#include "storage/sqlite/database.h"
#include "storage/sqlite/moment.h"

namespace joinery::storage {

struct RunningJob {
  int64_t number = 0;
  int attempts = 0;
  std::string worker;
  bool cancel_requested = false;
  // Queue times; the last one is that of the job's deadline.
  int64_t lease_until = 0;
  int64_t attempt_until = 0;
  std::optional<int64_t> expires_at = std::nullopt;
  // Of the attempt's events, those that were kept.
  int64_t events_taken = 0;
};

// What becomes of a running job.
struct JobEnd {
  // Not RUNNING.
  v1::JobState state = v1::JOB_STATE_UNSPECIFIED;
  std::optional<v1::JobResult> result = std::nullopt;
  std::optional<v1::Failure> failure = std::nullopt;
  // The attempt is not held against the job.
  bool uncounted = false;
  // Of a job that is queued again: how long it rests.
  absl::Duration rest = absl::ZeroDuration();
  // As v1::Attempt.end.
  std::string attempt_end = "";
  // A line for the job's history; empty for none.
  std::string note = "";
  // As v1::Job.answered_from.
  std::string answered_from = "";
};

// The job that runs under this token, or nullopt if the lease was lost or is over.
absl::StatusOr<std::optional<RunningJob>> FindLease(Database& database, const std::string& token, int64_t queue_now);

// Running jobs whose lease was not renewed in time or that took too long, oldest first.
absl::StatusOr<std::vector<RunningJob>> FindExpired(Database& database, int64_t queue_now);

// The rules of JobStore::Finish and JobStore::ExpireLeases.
absl::StatusOr<JobEnd> EndOfOutcome(const RunningJob& job, const Outcome& outcome);
JobEnd EndOfExpired(const RunningJob& job, const v1::Job& log, int64_t queue_now);

// `when` ends a sentence: "while it waited".
v1::Failure DeadlinePassed(absl::string_view when);

// Takes the lease away from the job and from those that share its run, and notes it in their histories. Answers with
// the jobs as they are then, this one first.
absl::StatusOr<std::vector<v1::Job>> EndLease(Database& database, int64_t number, const JobEnd& end, const Moment& now);

// The same for this one alone: it shares a run that goes on, or nobody shares its own.
absl::StatusOr<v1::Job> EndAlone(Database& database, int64_t number, const JobEnd& end, const Moment& now);

// Notes that the attempt under `token` ended so.
absl::Status RememberOutcome(Database& database, const std::string& token, int64_t number, const Outcome& outcome);

// The number of the job whose attempt under `token` ended with `outcome`. Errors: kAborted there is none.
absl::StatusOr<int64_t> RecallOutcome(Database& database, const std::string& token, const Outcome& outcome);

absl::Status LeaseLost();

}  // namespace joinery::storage
