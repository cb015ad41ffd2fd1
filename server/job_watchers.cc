#include "server/job_watchers.h"

namespace joinery::server {

JobWatchers::Subscription::Subscription(JobWatchers& watchers, const std::string& id) : watchers_(watchers), id_(id) {
  const std::lock_guard lock(watchers_.mutex_);
  watched_ = &watchers_.watched_[id_];
  ++watched_->watchers;
}

JobWatchers::Subscription::~Subscription() {
  const std::lock_guard lock(watchers_.mutex_);
  if (--watched_->watchers == 0) watchers_.watched_.erase(id_);
}

int64_t JobWatchers::Subscription::changes() {
  const std::lock_guard lock(watchers_.mutex_);
  return watched_->changes;
}

bool JobWatchers::Subscription::Wait(int64_t seen, std::chrono::nanoseconds timeout) {
  std::unique_lock lock(watchers_.mutex_);
  return watched_->changed.wait_for(lock, timeout, [&] { return watched_->changes != seen; });
}

void JobWatchers::Wake(const std::string& id) {
  const std::lock_guard lock(mutex_);
  const auto found = watched_.find(id);
  if (found == watched_.end()) return;
  ++found->second.changes;
  found->second.changed.notify_all();
}

void JobWatchers::WakeAll() {
  const std::lock_guard lock(mutex_);
  for (auto& [id, watched] : watched_) {
    ++watched.changes;
    watched.changed.notify_all();
  }
}

}  // namespace joinery::server
