// Tells whoever works on a job that it shall end before it is done, and why. Thread-safe.
#pragma once

#include <atomic>
#include <stop_token>

namespace joinery::worker {

enum class StopReason {
  kNone,
  // The server asked for it: finish as cancelled.
  kCancelled,
  // The lease belongs to somebody else by now: say nothing more, throw the work away.
  kLeaseLost,
  // The worker is going away: hand the job back.
  kReleased,
};

class JobStop {
 public:
  // The first reason given stays.
  void Request(StopReason reason) {
    StopReason none = StopReason::kNone;
    if (reason_.compare_exchange_strong(none, reason)) source_.request_stop();
  }

  StopReason reason() const { return reason_; }
  bool requested() const { return reason() != StopReason::kNone; }

  // Becomes stopped once there is a reason.
  std::stop_token token() const { return source_.get_token(); }

 private:
  std::atomic<StopReason> reason_ = StopReason::kNone;
  std::stop_source source_;
};

}  // namespace joinery::worker
