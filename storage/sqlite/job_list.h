// Pages of jobs.
#pragma once

#include "absl/status/statusor.h"
#include "storage/job_store.h"
#include "storage/sqlite/database.h"

namespace joinery::storage {

// As JobStore::List.
absl::StatusOr<JobPage> ListJobs(Database& database, const JobQuery& query);

}  // namespace joinery::storage
