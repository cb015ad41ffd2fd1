// The table workers. All within the open transaction.
#pragma once

#include <cstdint>
#include <string>
#include <vector>

#include "absl/status/status.h"
#include "absl/status/statusor.h"
#include "storage/job_store.h"
#include "storage/sqlite/database.h"
#include "storage/sqlite/moment.h"

namespace joinery::storage {

// The worker was seen. Answers with whether it may be given jobs: it is not drained and does not rest.
absl::StatusOr<bool> TouchWorker(Database& database, const WorkerInfo& worker, const Moment& now);
absl::Status TouchKnownWorker(Database& database, const std::string& name, const Moment& now);

// It lost a lease; it finished a job.
absl::Status NoteWorkerLoss(Database& database, const std::string& name, const Moment& now);
absl::Status ForgiveWorker(Database& database, const std::string& name);

// Seen since this queue time, by name.
absl::StatusOr<std::vector<WorkerRecord>> ListWorkers(Database& database, int64_t since);
// What those of them have that are not drained.
absl::StatusOr<std::vector<v1::Capabilities>> ListLiveCapabilities(Database& database, int64_t since);

// As JobStore::SetWorkerDrain.
absl::Status DrainWorker(Database& database, const std::string& name, bool drained);

}  // namespace joinery::storage
