// How long to wait before trying again: longer each time, and not the same for all, so that many workers do not come
// back to a server at the same moment.
#pragma once

#include <algorithm>

#include "absl/random/bit_gen_ref.h"
#include "absl/random/random.h"
#include "absl/time/time.h"

namespace joinery::worker {

// Not thread-safe.
class Backoff {
 public:
  Backoff(absl::Duration first, absl::Duration longest, absl::BitGenRef random)
      : first_(first), longest_(longest), random_(random), next_(first) {}

  // Between half of and all of first, 2 first, 4 first, ... up to longest.
  absl::Duration Next() {
    const absl::Duration whole = next_;
    next_ = std::min(2 * next_, longest_);
    return whole * absl::Uniform(random_, 0.5, 1.0);
  }

  // It worked: the next wait is short again.
  void Reset() { next_ = first_; }

 private:
  const absl::Duration first_;
  const absl::Duration longest_;
  absl::BitGenRef random_;
  absl::Duration next_;
};

}  // namespace joinery::worker
