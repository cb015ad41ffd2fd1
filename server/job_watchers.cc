#include "server/job_watchers.h"

#include <utility>

namespace joinery::server {

JobWatchers::Subscription::Subscription(JobWatchers& watchers, const std::string& id, Tell tell) : watchers_(watchers) {
  const std::lock_guard lock(watchers_.mutex_);
  place_ = watchers_.watched_.emplace(id, std::move(tell));
}

JobWatchers::Subscription::~Subscription() {
  const std::lock_guard lock(watchers_.mutex_);
  watchers_.watched_.erase(place_);
}

void JobWatchers::Wake(const std::string& id) {
  const std::lock_guard lock(mutex_);
  const auto [begin, end] = watched_.equal_range(id);
  for (auto watcher = begin; watcher != end; ++watcher) watcher->second();
}

void JobWatchers::WakeAll() {
  const std::lock_guard lock(mutex_);
  for (const auto& [id, tell] : watched_) tell();
}

}  // namespace joinery::server
