// A job's history in the table events.
#pragma once

#include <cstdint>
#include <vector>

#include "absl/status/status.h"
#include "absl/status/statusor.h"
#include "absl/time/time.h"
#include "absl/types/span.h"
#include "joinery/v1/jobs.pb.h"
#include "storage/sqlite/database.h"

namespace joinery::storage {

// These append to the history of the job with this number, within the open transaction, at `now`. Of events that have a
// time already only the distances between them count.
absl::Status AppendStateEvent(Database& database, int64_t number, const v1::Job& job, absl::Time now);
// The job as it is now, its state appended: for what has just changed its row.
absl::StatusOr<v1::Job> ReadChangedJob(Database& database, int64_t number, absl::Time now);
// The newest progress among them becomes the job's, and its stages those of the attempt.
absl::Status AppendEvents(Database& database, int64_t number, absl::Span<const v1::JobEvent> events, absl::Time now);

// Up to `limit` events after the one with this sequence, in order.
absl::StatusOr<std::vector<v1::JobEvent>> ReadEvents(Database& database, int64_t number, int64_t after_sequence,
                                                     int limit);

}  // namespace joinery::storage
