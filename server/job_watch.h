// What happens to one job, piece by piece, for whoever watches it.
#pragma once

#include <atomic>
#include <cstdint>
#include <string>
#include <vector>

#include "absl/status/status.h"
#include "absl/status/statusor.h"
#include "joinery/v1/jobs.pb.h"
#include "server/job_watchers.h"
#include "storage/job_store.h"

namespace joinery::server {

// What ends all waits when the server stops: kUnavailable.
absl::Status StoppingError();

// Not thread-safe.
class JobWatch {
 public:
  struct News {
    std::vector<v1::JobEvent> events;
    // There are more already.
    bool more = false;
    // These were the last; whoever has seen the last before is given none.
    bool over = false;
  };

  // All must outlive the watch. `tell` is called, as JobWatchers does, when Next may have something new.
  JobWatch(storage::JobStore& jobs, const std::atomic<bool>& stopped, JobWatchers& watchers, const std::string& id,
           int64_t after_sequence, JobWatchers::Tell tell);

  // What came after what was given before, perhaps nothing.
  // Errors: kNotFound the job was deleted · kUnavailable `stopped` is set.
  absl::StatusOr<News> Next();

 private:
  storage::JobStore& jobs_;
  const std::atomic<bool>& stopped_;
  const std::string id_;
  int64_t after_sequence_;
  const JobWatchers::Subscription subscription_;
};

}  // namespace joinery::server
