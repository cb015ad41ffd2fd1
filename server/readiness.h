// Whether the server can do its work now: tried out again and again, not remembered from its start.
#pragma once

#include <functional>
#include <string>
#include <thread>
#include <vector>

#include "absl/base/thread_annotations.h"
#include "absl/status/status.h"
#include "absl/synchronization/mutex.h"
#include "absl/time/time.h"

namespace joinery::server {

struct ReadinessProbe {
  // For people: "database".
  std::string name;
  // Does a small piece of the real work. May hang.
  std::function<absl::Status()> try_out;
};

struct ReadinessOptions {
  absl::Duration period = absl::Seconds(2);
  // A probe that has not come back for so long has failed.
  absl::Duration patience = absl::Seconds(10);
};

// Thread-safe. Readiness changes are logged.
class Readiness {
 public:
  // Tries everything out once before it returns. `on_change` is told of each change, first of the state at the start,
  // by one thread at a time.
  Readiness(std::vector<ReadinessProbe> probes, const ReadinessOptions& options,
            std::function<void(bool is_ready)> on_change);
  // Waits for a probe that is on its way.
  ~Readiness();
  Readiness(const Readiness&) = delete;
  Readiness& operator=(const Readiness&) = delete;

  // OK, or what is wrong; answers at once.
  absl::Status Check() const;

  // From now on the server takes no new work, whatever the probes say. `on_change` has been told when this returns.
  void BeginDrain();
  bool draining() const;

 private:
  absl::Status TryOut() const;
  void ProbeUntilStopped();
  void WatchUntilStopped();
  void TellIfChanged();
  absl::Status CheckLocked() const ABSL_SHARED_LOCKS_REQUIRED(mutex_);
  bool WaitOrStop();

  const std::vector<ReadinessProbe> probes_;
  const ReadinessOptions options_;
  const std::function<void(bool is_ready)> on_change_;

  mutable absl::Mutex mutex_;
  bool stopping_ ABSL_GUARDED_BY(mutex_) = false;
  bool draining_ ABSL_GUARDED_BY(mutex_) = false;
  absl::Status last_ ABSL_GUARDED_BY(mutex_);
  // By the steady clock.
  absl::Duration probed_at_ ABSL_GUARDED_BY(mutex_);

  absl::Mutex tell_mutex_;
  bool told_ ABSL_GUARDED_BY(tell_mutex_) = false;
  bool told_ready_ ABSL_GUARDED_BY(tell_mutex_) = false;
  std::thread probe_thread_;
  std::thread watch_thread_;
};

}  // namespace joinery::server
