// An exporter that keeps what it is given, and can fail or wait.
#pragma once

#include <memory>
#include <string>
#include <utility>
#include <vector>

#include "absl/base/thread_annotations.h"
#include "absl/synchronization/mutex.h"
#include "base/clock.h"
#include "telemetry/tracer.h"

namespace joinery::telemetry {

// What a FakeExporter was given; shared with the test, which outlives neither. Thread-safe.
class Exported {
 public:
  // Waits until `count` spans have come.
  std::vector<Span> WaitFor(size_t count) {
    const absl::MutexLock lock(&mutex_);
    const auto enough = [&]() ABSL_EXCLUSIVE_LOCKS_REQUIRED(mutex_) { return spans_.size() >= count; };
    mutex_.AwaitWithTimeout(absl::Condition(&enough), absl::Seconds(20));
    return spans_;
  }
  void Add(const std::vector<Span>& spans) {
    const absl::MutexLock lock(&mutex_);
    spans_.insert(spans_.end(), spans.begin(), spans.end());
  }

 private:
  absl::Mutex mutex_;
  std::vector<Span> spans_ ABSL_GUARDED_BY(mutex_);
};

class FakeExporter : public SpanExporter {
 public:
  explicit FakeExporter(std::shared_ptr<Exported> exported) : exported_(std::move(exported)) {}

  absl::Status Export(const std::vector<Span>& spans) override {
    exported_->Add(spans);
    return absl::OkStatus();
  }
  void Stop() override {}

 private:
  const std::shared_ptr<Exported> exported_;
};

inline TracerOptions QuickTracer() { return {.flush_period = absl::Milliseconds(1)}; }

// A tracer whose spans the test sees.
struct TestTracer {
  base::RealClock clock;
  uint64_t next_random = 1;
  std::shared_ptr<Exported> exported = std::make_shared<Exported>();
  Tracer tracer{std::make_unique<FakeExporter>(exported), clock, [this] { return next_random++; }, QuickTracer()};
};

}  // namespace joinery::telemetry
