// So often, and not more: a bucket of permits for each key, which fills again with time.
#pragma once

#include <cstddef>
#include <string>
#include <unordered_map>

#include "absl/base/thread_annotations.h"
#include "absl/synchronization/mutex.h"
#include "absl/time/time.h"
#include "base/clock.h"

namespace joinery::server::access {

struct RateLimit {
  // Permits a second.
  double rate = 1;
  // As many as may be taken at once after a rest.
  double burst = 1;
};

// Thread-safe. A clock that goes back stops the filling until it has caught up, and no longer than that takes a bucket
// to fill.
class RateLimiter {
 public:
  // `clock` must outlive the limiter. Of more than `max_keys` keys at once the fullest buckets are forgotten.
  RateLimiter(RateLimit limit, const base::Clock& clock, size_t max_keys = 10'000)
      : limit_(limit), clock_(clock), max_keys_(max_keys) {}

  // Takes a permit if there is one.
  bool Take(const std::string& key);
  // Whether Take would.
  bool Has(const std::string& key);
  // Until there is a permit.
  absl::Duration Wait(const std::string& key);

 private:
  struct Bucket {
    double permits = 0;
    absl::Time filled_at;
  };

  Bucket& Fill(const std::string& key) ABSL_EXCLUSIVE_LOCKS_REQUIRED(mutex_);
  void ForgetFull() ABSL_EXCLUSIVE_LOCKS_REQUIRED(mutex_);

  const RateLimit limit_;
  const base::Clock& clock_;
  const size_t max_keys_;
  absl::Mutex mutex_;
  std::unordered_map<std::string, Bucket> buckets_ ABSL_GUARDED_BY(mutex_);
};

}  // namespace joinery::server::access
