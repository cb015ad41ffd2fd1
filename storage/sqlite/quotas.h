// Limits of users and projects, and what they have of them. All within the open transaction.
#pragma once

#include <cstdint>

#include "absl/status/status.h"
#include "absl/status/statusor.h"
#include "storage/access_store.h"
#include "storage/job_store.h"
#include "storage/sqlite/database.h"

namespace joinery::storage {

Limits LimitsIn(const Statement& row);

// As AccessStore::LimitsOf and UseOf.
absl::StatusOr<Limits> FindLimits(Database& database, const LimitSubject& subject);
absl::StatusOr<Use> FindUse(Database& database, const LimitSubject& subject);

// kResourceExhausted if the submission's user or project has no room for `added` more queued jobs; the message has
// limit and use. `defaults` holds for users without a stored limit.
absl::Status CheckQueuedLimits(Database& database, const Submission& submission, int64_t added,
                               const QueueLimits& defaults);

}  // namespace joinery::storage
