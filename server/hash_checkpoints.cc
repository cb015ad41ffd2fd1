#include "server/hash_checkpoints.h"

#include <iterator>

namespace joinery::server {

HashCheckpoints::Checkpoint HashCheckpoints::Before(const std::string& digest, int64_t position) {
  const absl::MutexLock lock(&mutex_);
  const auto found = blobs_.find(digest);
  if (found == blobs_.end()) return {};
  uses_.splice(uses_.begin(), uses_, found->second.use);
  const auto next = found->second.hashers.upper_bound(position);
  if (next == found->second.hashers.begin()) return {};
  const auto& [at, hasher] = *std::prev(next);
  return {.position = at, .hasher = hasher.Copy()};
}

void HashCheckpoints::Add(const std::string& digest, int64_t position, const base::Sha256Hasher& hasher) {
  if (position == 0 || position % kSpacing != 0) return;
  const absl::MutexLock lock(&mutex_);
  const auto [found, is_new] = blobs_.try_emplace(digest);
  if (is_new) found->second.use = uses_.insert(uses_.begin(), digest);
  if (found->second.hashers.count(position) > 0) return;
  found->second.hashers.emplace(position, hasher.Copy());
  ++count_;
  // The one in use goes last of all; if it alone is too much, it has to begin anew.
  while (count_ > kMaxCheckpoints) Remove(std::string(uses_.back()));
}

void HashCheckpoints::Forget(const std::string& digest) {
  const absl::MutexLock lock(&mutex_);
  Remove(digest);
}

void HashCheckpoints::Remove(const std::string& digest) {
  const auto found = blobs_.find(digest);
  if (found == blobs_.end()) return;
  count_ -= found->second.hashers.size();
  uses_.erase(found->second.use);
  blobs_.erase(found);
}

}  // namespace joinery::server
