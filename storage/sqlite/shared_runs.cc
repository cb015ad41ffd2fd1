#include "storage/sqlite/shared_runs.h"

#include <utility>

#include "absl/strings/str_cat.h"
#include "base/status.h"
#include "storage/sqlite/attempt_log.h"
#include "storage/sqlite/events.h"
#include "storage/sqlite/job_id.h"
#include "storage/sqlite/job_row.h"
#include "storage/sqlite/statements.h"

namespace joinery::storage {
namespace {

// Each event of a run is kept with every job that shares it.
constexpr int64_t kMaxSharing = 100;

struct Lease {
  std::string job_id;
  std::string token;
  int64_t lease_until = 0;
  int64_t attempt_until = 0;
  int64_t events_taken = 0;
};

absl::StatusOr<Lease> ReadLease(Database& database, int64_t number) {
  ASSIGN_OR_RETURN(const auto row, database.Prepare(statements::kGetLease));
  RETURN_IF_ERROR(row->BindInteger(":number", number).Step().status());
  return Lease{.job_id = row->Text("id"),
               .token = row->Text("lease_token"),
               .lease_until = row->Integer("lease_until"),
               .attempt_until = row->Integer("attempt_until"),
               .events_taken = row->Integer("events_taken")};
}

absl::StatusOr<int64_t> FindHeir(Database& database, int64_t leader) {
  ASSIGN_OR_RETURN(const auto row, database.Prepare(statements::kFindHeir));
  ASSIGN_OR_RETURN(const bool found, row->BindInteger(":leader", leader).Step());
  if (!found) return absl::InternalError(absl::StrCat("nobody shares the run of job number ", leader));
  return row->Integer("number");
}

absl::Status Inherit(Database& database, int64_t heir, int64_t leader, const Lease& lease) {
  ASSIGN_OR_RETURN(const auto inherit, database.Prepare(statements::kInheritLease));
  RETURN_IF_ERROR(inherit->BindInteger(":number", heir)
                      .BindText(":token", lease.token)
                      .BindInteger(":lease_until", lease.lease_until)
                      .BindInteger(":attempt_until", lease.attempt_until)
                      .BindInteger(":events_taken", lease.events_taken)
                      .Run());
  ASSIGN_OR_RETURN(const auto follow, database.Prepare(statements::kFollowHeir));
  return follow->BindInteger(":heir", heir).BindInteger(":leader", leader).Run();
}

}  // namespace

absl::StatusOr<std::optional<int64_t>> FindRunToShare(Database& database, int64_t number) {
  ASSIGN_OR_RETURN(const auto row, database.Prepare(statements::kFindRunToShare));
  ASSIGN_OR_RETURN(const bool found, row->BindInteger(":number", number).BindInteger(":limit", kMaxSharing).Step());
  if (!found) return std::nullopt;
  return row->Integer("number");
}

absl::StatusOr<v1::Job> ShareRun(Database& database, int64_t number, int64_t leader, const std::string& token,
                                 const Moment& now) {
  RETURN_IF_ERROR(ShareAttempt(database, number, leader));
  ASSIGN_OR_RETURN(const auto statement, database.Prepare(statements::kShareRun));
  RETURN_IF_ERROR(statement->BindInteger(":number", number)
                      .BindInteger(":leader", leader)
                      .BindText(":token", token)
                      .BindInteger(":now", absl::ToUnixNanos(now.time))
                      .Run());
  return ReadChangedJob(database, number, now.time);
}

absl::StatusOr<std::vector<v1::Job>> ShareWithQueued(Database& database, int64_t leader, const RandomSource& random,
                                                     const Moment& now) {
  std::vector<v1::Job> jobs;
  ASSIGN_OR_RETURN(const auto rows, database.Prepare(statements::kListSharingCandidates));
  rows->BindInteger(":number", leader).BindInteger(":limit", kMaxSharing);
  ASSIGN_OR_RETURN(const std::vector<int64_t> numbers, ReadNumbers(*rows));
  for (const int64_t number : numbers) {
    ASSIGN_OR_RETURN(jobs.emplace_back(), ShareRun(database, number, leader, MakeLeaseToken(random), now));
  }
  return jobs;
}

absl::StatusOr<std::vector<int64_t>> JobsSharing(Database& database, int64_t leader) {
  ASSIGN_OR_RETURN(const auto rows, database.Prepare(statements::kListSharing));
  rows->BindInteger(":leader", leader);
  return ReadNumbers(*rows);
}

absl::StatusOr<bool> IsSharing(Database& database, int64_t number) {
  ASSIGN_OR_RETURN(const auto row, database.Prepare(statements::kFindLeader));
  return row->BindInteger(":number", number).Step();
}

absl::StatusOr<std::vector<v1::Job>> HandOver(Database& database, int64_t leader, const JobEnd& end,
                                              const Moment& now) {
  ASSIGN_OR_RETURN(const int64_t heir, FindHeir(database, leader));
  ASSIGN_OR_RETURN(const Lease lease, ReadLease(database, leader));
  std::vector<v1::Job> jobs;
  ASSIGN_OR_RETURN(jobs.emplace_back(), EndAlone(database, leader, end, now));
  RETURN_IF_ERROR(Inherit(database, heir, leader, lease));
  v1::JobEvent note;
  note.mutable_log()->set_level(v1::LOG_LEVEL_INFO);
  note.mutable_log()->set_text(
      absl::StrCat("job ", lease.job_id, ", whose run this one shared, has ended; the run goes on for this one"));
  RETURN_IF_ERROR(AppendEvents(database, heir, {note}, now.time));
  ASSIGN_OR_RETURN(jobs.emplace_back(), ReadJob(database, heir));
  return jobs;
}

absl::StatusOr<std::vector<int64_t>> FindOverdueSharing(Database& database, int64_t queue_now) {
  ASSIGN_OR_RETURN(const auto rows, database.Prepare(statements::kFindOverdueSharing));
  rows->BindInteger(":queue_now", queue_now);
  return ReadNumbers(*rows);
}

}  // namespace joinery::storage
