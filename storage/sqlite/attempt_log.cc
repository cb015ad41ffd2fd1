#include "storage/sqlite/attempt_log.h"

#include <utility>

#include "absl/strings/str_cat.h"
#include "base/status.h"
#include "storage/sqlite/job_row.h"
#include "storage/sqlite/statements.h"

namespace joinery::storage {
namespace {

// A job may be released any number of times.
constexpr int kMaxAttemptsKept = 16;
// The compiler has about ten; a worker that makes up names does not fill the database.
constexpr int kMaxStagesKept = 64;

absl::Status WriteAttemptLog(Database& database, int64_t number, const v1::Job& log) {
  ASSIGN_OR_RETURN(const auto statement, database.Prepare(statements::kSetAttemptLog));
  return statement->BindInteger(":number", number).BindBlob(":attempt_log", log.SerializeAsString()).Run();
}

absl::Status AddAttempt(Database& database, int64_t number, v1::Attempt attempt) {
  ASSIGN_OR_RETURN(v1::Job log, ReadAttemptLog(database, number));
  if (log.attempt_log_size() >= kMaxAttemptsKept) log.mutable_attempt_log()->DeleteSubrange(0, 1);
  *log.add_attempt_log() = std::move(attempt);
  return WriteAttemptLog(database, number, log);
}

void EndStage(v1::Attempt& attempt, const google::protobuf::Timestamp& time) {
  if (attempt.stages_size() == 0) return;
  v1::AttemptStage& last = *attempt.mutable_stages(attempt.stages_size() - 1);
  if (!last.has_ended_at()) *last.mutable_ended_at() = time;
}

// Whether the attempt's log changed.
bool NoteStage(v1::Attempt& attempt, const std::string& stage, const google::protobuf::Timestamp& time) {
  const int stages = attempt.stages_size();
  if (stages >= kMaxStagesKept || (stages > 0 && attempt.stages(stages - 1).stage() == stage)) return false;
  EndStage(attempt, time);
  v1::AttemptStage& added = *attempt.add_stages();
  added.set_stage(stage);
  *added.mutable_began_at() = time;
  return true;
}

}  // namespace

absl::StatusOr<v1::Job> ReadAttemptLog(Database& database, int64_t number) {
  ASSIGN_OR_RETURN(const auto statement, database.Prepare(statements::kGetAttemptLog));
  RETURN_IF_ERROR(statement->BindInteger(":number", number).Step().status());
  v1::Job log;
  if (log.ParseFromString(statement->Blob("attempt_log"))) return log;
  return absl::DataLossError(absl::StrCat("job number ", number, ": the stored attempt log is damaged"));
}

absl::Status BeginAttempt(Database& database, int64_t number, const std::string& worker, absl::Time now) {
  v1::Attempt attempt;
  attempt.set_worker(worker);
  *attempt.mutable_leased_at() = ToTimestamp(now);
  return AddAttempt(database, number, std::move(attempt));
}

absl::Status ShareAttempt(Database& database, int64_t number, int64_t leader) {
  ASSIGN_OR_RETURN(v1::Job log, ReadAttemptLog(database, leader));
  if (log.attempt_log().empty()) return absl::OkStatus();
  return AddAttempt(database, number, std::move(*log.mutable_attempt_log()->rbegin()));
}

absl::Status NoteStages(Database& database, int64_t number, absl::Span<const v1::JobEvent> events) {
  ASSIGN_OR_RETURN(v1::Job log, ReadAttemptLog(database, number));
  if (log.attempt_log_size() == 0) return absl::OkStatus();
  v1::Attempt& attempt = *log.mutable_attempt_log(log.attempt_log_size() - 1);
  bool changed = false;
  for (const v1::JobEvent& event : events) {
    if (event.has_progress()) changed |= NoteStage(attempt, event.progress().stage(), event.time());
  }
  return changed ? WriteAttemptLog(database, number, log) : absl::OkStatus();
}

absl::Status EndAttempt(Database& database, int64_t number, const std::string& end, absl::Time now) {
  ASSIGN_OR_RETURN(v1::Job log, ReadAttemptLog(database, number));
  if (log.attempt_log_size() == 0) return absl::OkStatus();
  v1::Attempt& attempt = *log.mutable_attempt_log(log.attempt_log_size() - 1);
  EndStage(attempt, ToTimestamp(now));
  *attempt.mutable_ended_at() = ToTimestamp(now);
  attempt.set_end(end);
  return WriteAttemptLog(database, number, log);
}

}  // namespace joinery::storage
