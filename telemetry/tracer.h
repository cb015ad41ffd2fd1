// Takes spans from whoever works and hands them to an exporter on a thread of its own.
#pragma once

#include <cstddef>
#include <cstdint>
#include <deque>
#include <memory>
#include <thread>
#include <vector>

#include "absl/base/thread_annotations.h"
#include "absl/status/status.h"
#include "absl/synchronization/mutex.h"
#include "absl/time/time.h"
#include "base/clock.h"
#include "telemetry/span.h"

namespace joinery::telemetry {

// Called by one thread, except Stop.
class SpanExporter {
 public:
  virtual ~SpanExporter() = default;

  // Errors: kUnavailable the same again may succeed later · anything else: it never will.
  virtual absl::Status Export(const std::vector<Span>& spans) = 0;

  // Makes an Export that goes on in another thread end soon.
  virtual void Stop() = 0;
};

struct TracerOptions {
  // What does not fit is dropped, and counted.
  size_t max_queued = 4096;
  size_t max_batch = 512;
  // Spans leave at the latest this long after they were recorded, if the collector takes them.
  absl::Duration flush_period = absl::Seconds(1);
  // A batch is tried so often, with growing pauses between.
  int max_tries = 4;
  absl::Duration first_pause = absl::Seconds(1);
  // How long the destructor waits for the last spans to be taken.
  absl::Duration last_flush = absl::Seconds(1);
};

// Thread-safe. Recording takes a lock and no more, whatever the collector does.
class Tracer {
 public:
  // Without an exporter nothing is kept. `clock` must outlive the tracer; `random` is thread-safe.
  Tracer(std::unique_ptr<SpanExporter> exporter, const base::Clock& clock, RandomBits random,
         const TracerOptions& options = {});
  ~Tracer();
  Tracer(const Tracer&) = delete;
  Tracer& operator=(const Tracer&) = delete;

  // Whether spans go anywhere.
  bool enabled() const { return exporter_ != nullptr; }
  const base::Clock& clock() const { return clock_; }
  const RandomBits& random() const { return random_; }

  // A span whose context is not sampled is nobody's wish, and left out.
  void Record(Span span);

  int64_t exported() const;
  // Spans that were recorded and never will arrive.
  int64_t dropped() const;

 private:
  void ExportUntilStopped();
  // The next spans, taken out; none if there are none or nobody waits for them.
  std::vector<Span> NextBatch();
  // Returns when the batch is gone, one way or the other.
  void Deliver(const std::vector<Span>& batch);
  bool WaitOrStop(absl::Duration pause);

  const std::unique_ptr<SpanExporter> exporter_;
  const base::Clock& clock_;
  const RandomBits random_;
  const TracerOptions options_;

  mutable absl::Mutex mutex_;
  bool stopping_ ABSL_GUARDED_BY(mutex_) = false;
  // Nobody waits for the last spans any longer.
  bool abandoned_ ABSL_GUARDED_BY(mutex_) = false;
  bool ended_ ABSL_GUARDED_BY(mutex_) = false;
  std::deque<Span> queue_ ABSL_GUARDED_BY(mutex_);
  int64_t exported_ ABSL_GUARDED_BY(mutex_) = 0;
  int64_t dropped_ ABSL_GUARDED_BY(mutex_) = 0;
  std::thread thread_;
};

}  // namespace joinery::telemetry
