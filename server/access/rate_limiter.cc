#include "server/access/rate_limiter.h"

#include <algorithm>

namespace joinery::server::access {

RateLimiter::Bucket& RateLimiter::Fill(const std::string& key) {
  const absl::Time now = clock_.Now();
  if (buckets_.size() >= max_keys_ && buckets_.count(key) == 0) ForgetFull();
  Bucket& bucket = buckets_.try_emplace(key, Bucket{limit_.burst, now}).first->second;
  const absl::Duration to_fill = absl::Seconds(limit_.burst / limit_.rate);
  // After a jump back, `filled_at` lies in the future: it counts from now.
  if (bucket.filled_at > now + to_fill) bucket.filled_at = now;
  if (now > bucket.filled_at) {
    const double gained = absl::ToDoubleSeconds(std::min(now - bucket.filled_at, to_fill)) * limit_.rate;
    bucket.permits = std::min(limit_.burst, bucket.permits + gained);
    bucket.filled_at = now;
  }
  return bucket;
}

// What is forgotten starts full again, so nobody gains much by it.
void RateLimiter::ForgetFull() {
  for (auto bucket = buckets_.begin(); bucket != buckets_.end();) {
    const double gained = absl::ToDoubleSeconds(clock_.Now() - bucket->second.filled_at) * limit_.rate;
    bucket = bucket->second.permits + gained >= limit_.burst ? buckets_.erase(bucket) : std::next(bucket);
  }
  if (buckets_.size() < max_keys_) return;
  const auto fullest = std::max_element(buckets_.begin(), buckets_.end(), [](const auto& left, const auto& right) {
    return left.second.permits < right.second.permits;
  });
  buckets_.erase(fullest);
}

bool RateLimiter::Take(const std::string& key) {
  const absl::MutexLock lock(&mutex_);
  Bucket& bucket = Fill(key);
  if (bucket.permits < 1) return false;
  bucket.permits -= 1;
  return true;
}

bool RateLimiter::Has(const std::string& key) {
  const absl::MutexLock lock(&mutex_);
  return Fill(key).permits >= 1;
}

absl::Duration RateLimiter::Wait(const std::string& key) {
  const absl::MutexLock lock(&mutex_);
  return absl::Seconds(std::max(0.0, (1 - Fill(key).permits) / limit_.rate));
}

}  // namespace joinery::server::access
