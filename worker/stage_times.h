// The compiler's stages as spans and in the metrics, out of the progress it tells.
#pragma once

#include <optional>
#include <string>

#include "absl/time/time.h"
#include "joinery/v1/jobs.pb.h"
#include "telemetry/tracer.h"
#include "worker/metrics.h"

namespace joinery::worker {

// Not thread-safe.
class StageTimes {
 public:
  // The stages are parts of `compile`, the compiler's own span. `tracer` and `metrics` must outlive this object.
  StageTimes(telemetry::Tracer& tracer, std::optional<telemetry::TraceContext> compile, WorkerMetrics& metrics)
      : tracer_(tracer), compile_(std::move(compile)), metrics_(metrics) {}

  // A stage lasts until there is progress of another. Of a compiler that names hundreds of them only the first count.
  void Take(const v1::Progress& progress);

  // The compiler has ended, and with it its last stage.
  void Finish(const absl::Status& status);

 private:
  telemetry::Tracer& tracer_;
  const std::optional<telemetry::TraceContext> compile_;
  WorkerMetrics& metrics_;
  std::string stage_;
  absl::Time began_at_;
  int count_ = 0;
};

}  // namespace joinery::worker
