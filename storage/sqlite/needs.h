// What queued jobs ask of workers, in the table needs. All within the open transaction.
#pragma once

#include <cstdint>
#include <string>
#include <vector>

#include "absl/status/status.h"
#include "absl/status/statusor.h"
#include "joinery/v1/jobs.pb.h"
#include "storage/sqlite/database.h"

namespace joinery::storage {

struct Need {
  int64_t number = 0;
  v1::Requirements requirements;
  std::string waiting_reason;
};

absl::StatusOr<int64_t> FindOrInsertNeed(Database& database, const v1::Requirements& requirements);

// Those of jobs that are queued.
absl::StatusOr<std::vector<Need>> NeedsInLine(Database& database);

// The numbers, as a JSON array, of the needs in line that a worker meets.
absl::StatusOr<std::string> NeedsMetBy(Database& database, const v1::Capabilities& capabilities);

// Notes why no worker could take the jobs with this need; empty if one could.
absl::Status SetWaitingReason(Database& database, int64_t need, const std::string& reason);

}  // namespace joinery::storage
