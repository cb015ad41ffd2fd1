#include "server/job_waiters.h"

#include "storage/requirements.h"

namespace joinery::server {

JobWaiters::Waiter::Waiter(JobWaiters& waiters, const v1::Capabilities& capabilities)
    : waiters_(waiters), capabilities_(capabilities) {
  const std::lock_guard lock(waiters_.mutex_);
  waiters_.waiters_.push_back(this);
}

JobWaiters::Waiter::~Waiter() {
  bool was_woken = false;
  {
    const std::lock_guard lock(waiters_.mutex_);
    waiters_.waiters_.remove(this);
    was_woken = woken_;
  }
  if (was_woken) waiters_.WakeOne(woken_for_);
}

void JobWaiters::Waiter::Listen() {
  const std::lock_guard lock(waiters_.mutex_);
  woken_ = false;
}

bool JobWaiters::Waiter::Wait(std::chrono::nanoseconds timeout) {
  std::unique_lock lock(waiters_.mutex_);
  return wake_.wait_for(lock, timeout, [this] { return woken_; });
}

void JobWaiters::WakeOne(const v1::Requirements& requirements) {
  const std::lock_guard lock(mutex_);
  for (Waiter* const waiter : waiters_) {
    if (waiter->woken_ || !storage::Satisfies(waiter->capabilities_, requirements)) continue;
    waiter->woken_ = true;
    waiter->woken_for_ = requirements;
    waiter->wake_.notify_one();
    return;
  }
}

void JobWaiters::WakeAll() {
  const std::lock_guard lock(mutex_);
  for (Waiter* const waiter : waiters_) {
    waiter->woken_ = true;
    waiter->wake_.notify_one();
  }
}

}  // namespace joinery::server
