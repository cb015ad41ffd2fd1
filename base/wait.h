// Waiting that ends early when asked to.
#pragma once

#include <stop_token>

#include "absl/synchronization/notification.h"
#include "absl/time/time.h"

namespace joinery::base {

// Waits for `duration`, or until `stop` is requested. Returns whether it was requested.
inline bool WaitOrStop(const std::stop_token& stop, absl::Duration duration) {
  absl::Notification stopped;
  const std::stop_callback notify(stop, [&] { stopped.Notify(); });
  return stopped.WaitForNotificationWithTimeout(duration);
}

}  // namespace joinery::base
