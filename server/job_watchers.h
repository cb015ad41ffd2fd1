// People who watch jobs, and are told when one may have changed.
#pragma once

#include <functional>
#include <map>
#include <mutex>
#include <string>

namespace joinery::server {

// Thread-safe.
class JobWatchers {
 public:
  using Tell = std::function<void()>;

  // One watcher of a job, for as long as it lives.
  class Subscription {
   public:
    // `tell` is called under a lock that all changes of jobs wait for: it must neither wait nor begin or end a
    // subscription.
    Subscription(JobWatchers& watchers, const std::string& id, Tell tell);
    // It is not called any more afterwards.
    ~Subscription();
    Subscription(const Subscription&) = delete;
    Subscription& operator=(const Subscription&) = delete;

   private:
    JobWatchers& watchers_;
    std::multimap<std::string, Tell>::iterator place_;
  };

  void Wake(const std::string& id);
  void WakeAll();

 private:
  std::mutex mutex_;
  // By the job's id.
  std::multimap<std::string, Tell> watched_;
};

}  // namespace joinery::server
