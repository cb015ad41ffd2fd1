// What is kept of a job's attempts: who ran them, how they ended, and when each stage was. All within the open
// transaction.
#pragma once

#include <cstdint>
#include <string>

#include "absl/status/status.h"
#include "absl/status/statusor.h"
#include "absl/time/time.h"
#include "absl/types/span.h"
#include "joinery/v1/jobs.pb.h"
#include "storage/sqlite/database.h"

namespace joinery::storage {

absl::Status BeginAttempt(Database& database, int64_t number, const std::string& worker, absl::Time now);

// Notes the stages that `events`, which have their times, tell of.
absl::Status NoteStages(Database& database, int64_t number, absl::Span<const v1::JobEvent> events);

// `number`, too, has the attempt that job `leader` is in, from its begin.
absl::Status ShareAttempt(Database& database, int64_t number, int64_t leader);

// `end` is as v1::Attempt.end.
absl::Status EndAttempt(Database& database, int64_t number, const std::string& end, absl::Time now);

// A job with nothing but attempt_log.
absl::StatusOr<v1::Job> ReadAttemptLog(Database& database, int64_t number);

}  // namespace joinery::storage
