// What happened to a job and was not told to the server yet. Thread-safe.
#pragma once

#include <cstdint>
#include <deque>
#include <optional>
#include <vector>

#include "absl/base/thread_annotations.h"
#include "absl/strings/string_view.h"
#include "absl/synchronization/mutex.h"
#include "base/clock.h"
#include "joinery/v1/jobs.pb.h"

namespace joinery::worker {

// Of progress only the newest of each stage is kept, so that no stage is too short to be told of; of log lines at most
// 4 KiB each. A program that prints without end does not fill the memory of the worker or of the server: after
// `max_lines` lines of a job there is one that says so, and no more.
class EventQueue {
 public:
  explicit EventQueue(const base::Clock& clock, int64_t max_lines = 10'000) : clock_(clock), max_lines_(max_lines) {}

  // What the compiler says.
  void AddCompilerLine(v1::LogLevel level, absl::string_view text);

  // What the worker says; not counted towards max_lines.
  void AddWorkerLine(v1::LogLevel level, absl::string_view text);

  void SetProgress(const v1::Progress& progress);

  // Takes out the oldest lines and stages that are over, and behind them the newest progress: at most 1000 events and
  // about 1 MiB.
  std::vector<v1::JobEvent> Take();

  bool empty() const;

  // Whether there are more lines than one Take() gives.
  bool has_full_batch() const;

 private:
  void Push(v1::LogLevel level, absl::string_view text) ABSL_EXCLUSIVE_LOCKS_REQUIRED(mutex_);

  const base::Clock& clock_;
  const int64_t max_lines_;
  mutable absl::Mutex mutex_;
  int64_t compiler_lines_ ABSL_GUARDED_BY(mutex_) = 0;
  std::deque<v1::JobEvent> lines_ ABSL_GUARDED_BY(mutex_);
  std::optional<v1::JobEvent> progress_ ABSL_GUARDED_BY(mutex_);
  int kept_stages_ ABSL_GUARDED_BY(mutex_) = 0;
};

}  // namespace joinery::worker
