// Workers that wait for a job. When one is queued, one of them is woken that can take it, rather than all.
#pragma once

#include <chrono>
#include <condition_variable>
#include <list>
#include <mutex>

#include "joinery/v1/jobs.pb.h"

namespace joinery::server {

// Thread-safe. Waits are measured by a clock that does not jump.
class JobWaiters {
 public:
  // One worker; in line for as long as it lives.
  class Waiter {
   public:
    Waiter(JobWaiters& waiters, const v1::Capabilities& capabilities);
    // What this one was woken for and did not look at, another is woken for.
    ~Waiter();
    Waiter(const Waiter&) = delete;
    Waiter& operator=(const Waiter&) = delete;

    // To be called before looking for a job: whatever is queued from here on wakes.
    void Listen();
    // Whether there was something to be woken for since Listen, after waiting for that up to `timeout`.
    bool Wait(std::chrono::nanoseconds timeout);

   private:
    friend class JobWaiters;

    JobWaiters& waiters_;
    const v1::Capabilities capabilities_;
    // The following is guarded by the mutex of waiters_.
    bool woken_ = false;
    v1::Requirements woken_for_;
    std::condition_variable wake_;
  };

  // Wakes the one that has waited longest of those that can take such a job and are not awake yet.
  void WakeOne(const v1::Requirements& requirements);
  void WakeAll();

 private:
  std::mutex mutex_;
  // In the order in which they came.
  std::list<Waiter*> waiters_;
};

}  // namespace joinery::server
