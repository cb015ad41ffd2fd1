// People who watch jobs, and are woken when one changes.
#pragma once

#include <chrono>
#include <condition_variable>
#include <cstdint>
#include <map>
#include <mutex>
#include <string>

namespace joinery::server {

// Thread-safe. Waits are measured by a clock that does not jump.
class JobWatchers {
 private:
  // One job that somebody watches.
  struct Watched {
    int watchers = 0;
    int64_t changes = 0;
    std::condition_variable changed;
  };

 public:
  // One watcher of a job, for as long as it lives.
  class Subscription {
   public:
    Subscription(JobWatchers& watchers, const std::string& id);
    ~Subscription();
    Subscription(const Subscription&) = delete;
    Subscription& operator=(const Subscription&) = delete;

    // So many changes were there; those after them wake.
    int64_t changes();
    // Whether there were more than those `seen`, after waiting for that up to `timeout`.
    bool Wait(int64_t seen, std::chrono::nanoseconds timeout);

   private:
    JobWatchers& watchers_;
    const std::string id_;
    Watched* watched_;
  };

  void Wake(const std::string& id);
  void WakeAll();

 private:
  std::mutex mutex_;
  std::map<std::string, Watched> watched_;
};

}  // namespace joinery::server
