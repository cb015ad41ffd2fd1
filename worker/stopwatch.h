// A clock that never jumps: for measuring how long something has lasted, whatever is done to the host's time of day.
// Its times mean nothing beyond this process.
#pragma once

#include <chrono>

#include "base/clock.h"

namespace joinery::worker {

// Thread-safe.
class Stopwatch : public base::Clock {
 public:
  absl::Time Now() const override {
    return absl::UnixEpoch() + absl::FromChrono(std::chrono::steady_clock::now().time_since_epoch());
  }
};

}  // namespace joinery::worker
