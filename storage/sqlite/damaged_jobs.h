// Jobs whose row cannot be read, as after a fault of the disk: such a job is set aside, so that it does not stop those
// behind it. Within the open transaction.
#pragma once

#include <cstdint>

#include "absl/status/status.h"
#include "absl/status/statusor.h"
#include "joinery/v1/jobs.pb.h"
#include "storage/sqlite/database.h"
#include "storage/sqlite/moment.h"

namespace joinery::storage {

// The job, queued or running, is FAILED with the reason INTERNAL and `damage`, which reading it ended with, in its
// message; what cannot be read of it is dropped, so that it can be shown. Jobs that shared its run are queued again.
absl::StatusOr<v1::Job> SetAsideDamaged(Database& database, int64_t number, const absl::Status& damage,
                                        const Moment& now);

}  // namespace joinery::storage
