// Identical jobs that share one run: one of them, the leader, has the lease; the others follow it. All within the open
// transaction.
#pragma once

#include <cstdint>
#include <optional>
#include <string>
#include <vector>

#include "absl/status/status.h"
#include "absl/status/statusor.h"
#include "joinery/v1/jobs.pb.h"
#include "storage/random_source.h"
#include "storage/sqlite/database.h"
#include "storage/sqlite/leases.h"
#include "storage/sqlite/moment.h"

namespace joinery::storage {

// The job that is running what queued job `number` asks for, if there is one that others may share.
absl::StatusOr<std::optional<int64_t>> FindRunToShare(Database& database, int64_t number);

// Queued job `number` runs with `leader` from now on. `token` is one that nobody else has. Answers with the job.
absl::StatusOr<v1::Job> ShareRun(Database& database, int64_t number, int64_t leader, const std::string& token,
                                 const Moment& now);

// All queued jobs that can run with `leader`, which has just begun to, do so. Answers with them.
absl::StatusOr<std::vector<v1::Job>> ShareWithQueued(Database& database, int64_t leader, const RandomSource& random,
                                                     const Moment& now);

// Those that follow `leader`, oldest first.
absl::StatusOr<std::vector<int64_t>> JobsSharing(Database& database, int64_t leader);

// Whether the job follows another.
absl::StatusOr<bool> IsSharing(Database& database, int64_t number);

// `leader` ends so, and its lease goes to one of those that follow it, which there must be. Answers with both, the
// former leader first.
absl::StatusOr<std::vector<v1::Job>> HandOver(Database& database, int64_t leader, const JobEnd& end, const Moment& now);

// Jobs that share a run and whose own deadline has passed.
absl::StatusOr<std::vector<int64_t>> FindOverdueSharing(Database& database, int64_t queue_now);

}  // namespace joinery::storage
