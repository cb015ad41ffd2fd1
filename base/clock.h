// Time as an argument, so that tests can drive it.
#pragma once

#include "absl/time/clock.h"
#include "absl/time/time.h"

namespace joinery::base {

// Thread-safe.
class Clock {
 public:
  virtual ~Clock() = default;
  virtual absl::Time Now() const = 0;
};

class RealClock : public Clock {
 public:
  absl::Time Now() const override { return absl::Now(); }
};

}  // namespace joinery::base
