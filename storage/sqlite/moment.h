// Now, twice: as the clock has it, for people, and as queue time, by which everything runs out.
#pragma once

#include <cstdint>

#include "absl/time/time.h"

namespace joinery::storage {

struct Moment {
  absl::Time time;
  // Nanoseconds that the queue has been open, over all runs of the server. See migrations/002_share_queue.sql.
  int64_t queue = 0;
};

}  // namespace joinery::storage
