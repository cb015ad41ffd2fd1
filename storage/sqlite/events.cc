#include "storage/sqlite/events.h"

#include <string>

#include "absl/strings/str_cat.h"
#include "base/status.h"
#include "storage/sqlite/job_row.h"
#include "storage/sqlite/statements.h"

namespace joinery::storage {
namespace {

absl::StatusOr<int64_t> NextSequence(Database& database, int64_t number) {
  ASSIGN_OR_RETURN(const auto statement, database.Prepare(statements::kNextSequence));
  RETURN_IF_ERROR(statement->BindInteger(":number", number).Step().status());
  return statement->Integer("last_event");
}

absl::Status AppendEvent(Database& database, int64_t number, v1::JobEvent event, absl::Time now) {
  ASSIGN_OR_RETURN(const int64_t sequence, NextSequence(database, number));
  event.set_sequence(sequence);
  *event.mutable_time() = ToTimestamp(now);
  ASSIGN_OR_RETURN(const auto statement, database.Prepare(statements::kInsertEvent));
  return statement->BindInteger(":number", number)
      .BindInteger(":sequence", sequence)
      .BindBlob(":event", event.SerializeAsString())
      .Run();
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

}  // namespace

absl::Status AppendStateEvent(Database& database, int64_t number, const v1::Job& job, absl::Time now) {
  v1::JobEvent event;
  *event.mutable_job() = job;
  event.mutable_job()->clear_spec();
  return AppendEvent(database, number, std::move(event), now);
}

absl::Status AppendEvents(Database& database, int64_t number, absl::Span<const v1::JobEvent> events, absl::Time now) {
  const v1::Progress* newest_progress = nullptr;
  for (const v1::JobEvent& event : events) {
    RETURN_IF_ERROR(AppendEvent(database, number, event, now));
    if (event.has_progress()) newest_progress = &event.progress();
  }
  return newest_progress == nullptr ? absl::OkStatus() : SetProgress(database, number, *newest_progress);
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
