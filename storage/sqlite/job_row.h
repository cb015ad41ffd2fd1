// Rows of the table jobs as joinery.v1.Job, and back.
#pragma once

#include <cstdint>
#include <string>
#include <vector>

#include "absl/status/statusor.h"
#include "absl/time/time.h"
#include "google/protobuf/timestamp.pb.h"
#include "joinery/v1/jobs.pb.h"
#include "storage/sqlite/database.h"

namespace joinery::storage {

// The name by which the table has it: "queued".
const char* StateName(v1::JobState state);

google::protobuf::Timestamp ToTimestamp(absl::Time time);

// The current row of a statement that selects all columns of job_rows.
// Errors: kDataLoss a message in it cannot be parsed.
absl::StatusOr<v1::Job> JobOfRow(const Statement& row);

// What is left of the column `number` of a statement.
absl::StatusOr<std::vector<int64_t>> ReadNumbers(Statement& rows);

// The job with this number, in whatever transaction is open. kInternal if there is none.
absl::StatusOr<v1::Job> ReadJob(Database& database, int64_t number);

}  // namespace joinery::storage
