// How long to wait before the next try.
#pragma once

#include <cstdint>
#include <functional>
#include <optional>

#include "absl/time/time.h"

namespace joinery::client {

struct BackoffOptions {
  absl::Duration first = absl::Milliseconds(100);
  absl::Duration largest = absl::Seconds(5);
  // Tries after the first, all in vain, until it is given up: about 25 s with the above.
  int retries = 10;
};

// Doubles from try to try; each wait is drawn from the upper half of its range, so that clients that lost one server at
// one moment do not come back at one moment. Not thread-safe.
class Backoff {
 public:
  // `random` gives 64 random bits.
  Backoff(const BackoffOptions& options, std::function<uint64_t()> random);

  // How long to wait, or nullopt to give up.
  std::optional<absl::Duration> Next();

  // There was progress: begin anew.
  void Reset() { tried_ = 0; }

 private:
  BackoffOptions options_;
  std::function<uint64_t()> random_;
  int tried_ = 0;
};

}  // namespace joinery::client
