// Time as an argument, so that tests can drive it.
#pragma once

#include <chrono>

#include "absl/time/clock.h"
#include "absl/time/time.h"

namespace joinery::base {

// Thread-safe.
class Clock {
 public:
  virtual ~Clock() = default;
  virtual absl::Time Now() const = 0;

  // Since some moment in the past, the same for the whole process. Unlike Now() it knows no jumps: for measuring how
  // long something has lasted.
  virtual absl::Duration Steady() const {
    return absl::FromChrono(std::chrono::steady_clock::now().time_since_epoch());
  }
};

class RealClock : public Clock {
 public:
  absl::Time Now() const override { return absl::Now(); }
};

}  // namespace joinery::base
