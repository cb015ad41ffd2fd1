// Keeps a lease while its job runs, passes on what happens, and ends it.
#pragma once

#include <cstdint>
#include <thread>
#include <vector>

#include "absl/base/thread_annotations.h"
#include "absl/status/status.h"
#include "absl/synchronization/mutex.h"
#include "absl/synchronization/notification.h"
#include "base/clock.h"
#include "joinery/v1/workers.grpc.pb.h"
#include "worker/backoff.h"
#include "worker/event_queue.h"
#include "worker/job_stop.h"

namespace joinery::worker {

// A thread beats every fifth of the lease's term, and at least every 250 ms. It requests `stop` when the server wants
// the job cancelled, and when the lease is lost: the server says so, or no beat came through for a whole term.
class LeaseKeeper {
 public:
  // All must outlive this object. `stopwatch` measures the term.
  LeaseKeeper(v1::WorkerService::StubInterface& workers, const v1::Lease& lease, EventQueue& events, JobStop& stop,
              const base::Clock& stopwatch);
  ~LeaseKeeper();
  LeaseKeeper(const LeaseKeeper&) = delete;
  LeaseKeeper& operator=(const LeaseKeeper&) = delete;

  // Stops beating, sends the events that are left and ends the lease with the outcome in `request`. While the server
  // cannot be reached it tries again until the lease is over; once `hurry` is requested, for two seconds at most. May
  // be called again with another outcome if the server refused the first.
  // Errors: kAborted the lease was lost · those of FinishJob.
  absl::Status Finish(v1::FinishJobRequest request, Backoff backoff, const std::stop_token& hurry);

 private:
  void BeatUntilDone();
  void StopBeating();
  absl::Status Beat();
  absl::Status SendRemainingEvents(v1::FinishJobRequest& request);
  // Fills `unacknowledged_` if it is empty.
  void TakeEvents();
  void Acknowledge();
  absl::Time lease_end() const;

  v1::WorkerService::StubInterface& workers_;
  const std::string token_;
  const absl::Duration term_;
  EventQueue& events_;
  JobStop& stop_;
  const base::Clock& stopwatch_;
  // What was sent, and not heard to have arrived: sent again just so, and numbered from `first_event_` on, for the
  // server to know it again. Of the beating thread, then of Finish.
  std::vector<v1::JobEvent> unacknowledged_;
  int64_t first_event_ = 1;
  mutable absl::Mutex mutex_;
  absl::Time renewed_at_ ABSL_GUARDED_BY(mutex_);
  absl::Notification done_;
  std::thread thread_;
};

}  // namespace joinery::worker
