#include "storage/sqlite/job_row.h"

#include <google/protobuf/message_lite.h>

#include <array>
#include <utility>

#include "absl/strings/str_cat.h"
#include "base/status.h"
#include "storage/sqlite/statements.h"

namespace joinery::storage {
namespace {

constexpr std::array<std::pair<v1::JobState, const char*>, 5> kStateNames = {{
    {v1::JOB_STATE_QUEUED, "queued"},
    {v1::JOB_STATE_RUNNING, "running"},
    {v1::JOB_STATE_SUCCEEDED, "succeeded"},
    {v1::JOB_STATE_FAILED, "failed"},
    {v1::JOB_STATE_CANCELLED, "cancelled"},
}};

v1::JobState StateOfName(const std::string& name) {
  for (const auto& [state, known] : kStateNames) {
    if (name == known) return state;
  }
  return v1::JOB_STATE_UNSPECIFIED;
}

// Left as it is if the column is NULL.
template <typename Message>
absl::Status ParseColumn(const Statement& row, const char* column, Message* (v1::Job::*mutable_field)(), v1::Job& job) {
  if (row.IsNull(column)) return absl::OkStatus();
  if ((job.*mutable_field)()->ParseFromString(row.Blob(column))) return absl::OkStatus();
  return absl::DataLossError(absl::StrCat("job ", job.id(), ": the stored ", column, " is damaged"));
}

google::protobuf::Timestamp TimestampOfColumn(const Statement& row, const char* column) {
  return ToTimestamp(absl::FromUnixNanos(row.Integer(column)));
}

}  // namespace

const char* StateName(v1::JobState state) {
  for (const auto& [known, name] : kStateNames) {
    if (state == known) return name;
  }
  return "";
}

google::protobuf::Timestamp ToTimestamp(absl::Time time) {
  constexpr int64_t kNanosPerSecond = 1'000'000'000;
  const int64_t nanos = absl::ToUnixNanos(time);
  google::protobuf::Timestamp timestamp;
  timestamp.set_seconds(nanos / kNanosPerSecond);
  timestamp.set_nanos(static_cast<int32_t>(nanos % kNanosPerSecond));
  return timestamp;
}

absl::StatusOr<v1::Job> JobOfRow(const Statement& row) {
  v1::Job job;
  job.set_id(row.Text("id"));
  job.set_state(StateOfName(row.Text("state")));
  *job.mutable_created_at() = TimestampOfColumn(row, "created_at");
  if (!row.IsNull("started_at")) *job.mutable_started_at() = TimestampOfColumn(row, "started_at");
  if (!row.IsNull("finished_at")) *job.mutable_finished_at() = TimestampOfColumn(row, "finished_at");
  job.set_attempts(static_cast<int32_t>(row.Integer("attempts")));
  job.set_worker(row.Text("worker"));
  job.set_cancel_requested(row.Integer("cancel_requested") != 0);
  job.set_queue_position(static_cast<int32_t>(row.Integer("queue_position")));
  job.set_user(row.Text("user"));
  job.set_project(row.Text("project"));
  job.set_array_id(row.Text("array_id"));
  job.set_array_index(static_cast<int32_t>(row.Integer("array_index")));
  job.set_waiting_reason(row.Text("waiting_reason"));
  job.set_answered_from(row.Text("answered_from"));
  job.set_merged_with(row.Text("merged_with"));
  job.set_compiler_version(row.Text("compiler_version"));
  if (!row.IsNull("deadline")) *job.mutable_deadline() = TimestampOfColumn(row, "deadline");
  RETURN_IF_ERROR(ParseColumn(row, "options", &v1::Job::mutable_options, job));
  RETURN_IF_ERROR(ParseColumn(row, "spec", &v1::Job::mutable_spec, job));
  RETURN_IF_ERROR(ParseColumn(row, "progress", &v1::Job::mutable_progress, job));
  RETURN_IF_ERROR(ParseColumn(row, "result", &v1::Job::mutable_result, job));
  RETURN_IF_ERROR(ParseColumn(row, "failure", &v1::Job::mutable_failure, job));
  if (job.MergeFromString(row.Blob("attempt_log"))) return job;
  return absl::DataLossError(absl::StrCat("job ", job.id(), ": the stored attempt_log is damaged"));
}

absl::StatusOr<std::vector<int64_t>> ReadNumbers(Statement& rows) {
  std::vector<int64_t> numbers;
  while (true) {
    ASSIGN_OR_RETURN(const bool row, rows.Step());
    if (!row) return numbers;
    numbers.push_back(rows.Integer("number"));
  }
}

absl::StatusOr<v1::Job> ReadJob(Database& database, int64_t number) {
  ASSIGN_OR_RETURN(const auto row, database.Prepare(statements::kGetJob));
  ASSIGN_OR_RETURN(const bool found, row->BindInteger(":number", number).Step());
  if (!found) return absl::InternalError(absl::StrCat("job number ", number, " is gone"));
  return JobOfRow(*row);
}

}  // namespace joinery::storage
