#include "storage/sqlite/events.h"

#include <algorithm>
#include <string>

#include "absl/strings/str_cat.h"
#include "base/status.h"
#include "storage/sqlite/attempt_log.h"
#include "storage/sqlite/job_row.h"
#include "storage/sqlite/statements.h"

namespace joinery::storage {
namespace {

// Events come at least twice a second, or late after the server was away.
constexpr absl::Duration kLongestAgo = absl::Minutes(10);

absl::StatusOr<int64_t> LastEvent(Database& database, int64_t number) {
  ASSIGN_OR_RETURN(const auto row, database.Prepare(statements::kGetLastEvent));
  RETURN_IF_ERROR(row->BindInteger(":number", number).Step().status());
  return row->Integer("last_event");
}

absl::Status SetLastEvent(Database& database, int64_t number, int64_t sequence) {
  ASSIGN_OR_RETURN(const auto statement, database.Prepare(statements::kSetLastEvent));
  return statement->BindInteger(":number", number).BindInteger(":last_event", sequence).Run();
}

// Numbers them and keeps them under their own times. The job's row, which is large, is written once.
absl::Status AppendTimed(Database& database, int64_t number, absl::Span<v1::JobEvent> events) {
  ASSIGN_OR_RETURN(int64_t sequence, LastEvent(database, number));
  for (v1::JobEvent& event : events) {
    event.set_sequence(++sequence);
    ASSIGN_OR_RETURN(const auto statement, database.Prepare(statements::kInsertEvent));
    RETURN_IF_ERROR(statement->BindInteger(":number", number)
                        .BindInteger(":sequence", sequence)
                        .BindBlob(":event", event.SerializeAsString())
                        .Run());
  }
  return SetLastEvent(database, number, sequence);
}

absl::Status SetProgress(Database& database, int64_t number, const v1::Progress& progress) {
  ASSIGN_OR_RETURN(const auto statement, database.Prepare(statements::kSetProgress));
  return statement->BindInteger(":number", number).BindBlob(":progress", progress.SerializeAsString()).Run();
}

absl::StatusOr<std::string> ReadSpec(Database& database, int64_t number) {
  ASSIGN_OR_RETURN(const auto statement, database.Prepare(statements::kGetSpec));
  RETURN_IF_ERROR(statement->BindInteger(":number", number).Step().status());
  return statement->Blob("spec");
}

// The jobs in `events` were stored without their spec, which never changes and may be large.
absl::Status RestoreSpecs(Database& database, int64_t number, std::vector<v1::JobEvent>& events) {
  std::string spec;
  for (v1::JobEvent& event : events) {
    if (!event.has_job()) continue;
    if (spec.empty()) {
      ASSIGN_OR_RETURN(spec, ReadSpec(database, number));
    }
    if (!event.mutable_job()->mutable_spec()->ParseFromString(spec)) {
      return absl::DataLossError(absl::StrCat("job ", event.job().id(), ": the stored spec is damaged"));
    }
  }
  return absl::OkStatus();
}

absl::Time FromTimestamp(const google::protobuf::Timestamp& timestamp) {
  return absl::FromUnixSeconds(timestamp.seconds()) + absl::Nanoseconds(timestamp.nanos());
}

// Workers' clocks may be wrong, but tell how far events are apart: the newest is now.
void SetTimes(std::vector<v1::JobEvent>& events, absl::Time now) {
  absl::Duration skew = absl::InfiniteDuration();
  for (const v1::JobEvent& event : events) {
    if (event.has_time()) skew = std::min(skew, now - FromTimestamp(event.time()));
  }
  for (v1::JobEvent& event : events) {
    const absl::Time time = event.has_time() ? FromTimestamp(event.time()) + skew : now;
    *event.mutable_time() = ToTimestamp(std::clamp(time, now - kLongestAgo, now));
  }
}

}  // namespace

absl::Status AppendStateEvent(Database& database, int64_t number, const v1::Job& job, absl::Time now) {
  v1::JobEvent event;
  *event.mutable_job() = job;
  event.mutable_job()->clear_spec();
  *event.mutable_time() = ToTimestamp(now);
  return AppendTimed(database, number, absl::MakeSpan(&event, 1));
}

absl::StatusOr<v1::Job> ReadChangedJob(Database& database, int64_t number, absl::Time now) {
  ASSIGN_OR_RETURN(v1::Job job, ReadJob(database, number));
  RETURN_IF_ERROR(AppendStateEvent(database, number, job, now));
  return job;
}

absl::Status AppendEvents(Database& database, int64_t number, absl::Span<const v1::JobEvent> events, absl::Time now) {
  std::vector<v1::JobEvent> timed(events.begin(), events.end());
  SetTimes(timed, now);
  const v1::Progress* newest_progress = nullptr;
  for (const v1::JobEvent& event : timed) {
    if (event.has_progress()) newest_progress = &event.progress();
  }
  RETURN_IF_ERROR(AppendTimed(database, number, absl::MakeSpan(timed)));
  if (newest_progress == nullptr) return absl::OkStatus();
  RETURN_IF_ERROR(NoteStages(database, number, timed));
  return SetProgress(database, number, *newest_progress);
}

absl::StatusOr<std::vector<v1::JobEvent>> ReadEvents(Database& database, int64_t number, int64_t after_sequence,
                                                     int limit) {
  ASSIGN_OR_RETURN(const auto rows, database.Prepare(statements::kListEvents));
  rows->BindInteger(":number", number).BindInteger(":after_sequence", after_sequence).BindInteger(":limit", limit);
  std::vector<v1::JobEvent> events;
  while (true) {
    ASSIGN_OR_RETURN(const bool row, rows->Step());
    if (!row) break;
    if (!events.emplace_back().ParseFromString(rows->Blob("event"))) {
      return absl::DataLossError(absl::StrCat("job number ", number, ": a stored event is damaged"));
    }
  }
  RETURN_IF_ERROR(RestoreSpecs(database, number, events));
  return events;
}

}  // namespace joinery::storage
