// The jobs in line, for people: whose turn comes when, and why it has not come yet.
#pragma once

#include <vector>

#include "absl/status/statusor.h"
#include "storage/job_store.h"
#include "storage/sqlite/database.h"
#include "storage/sqlite/moment.h"

namespace joinery::storage {

// As JobStore::InLine, within the open transaction.
absl::StatusOr<std::vector<JobInLine>> ListInLine(Database& database, int limit, const QueueLimits& limits,
                                                  const Moment& now);

// As JobStore::IsServerDrained.
absl::StatusOr<bool> ReadServerDrain(Database& database);

}  // namespace joinery::storage
