// What joineryd looks up when somebody asks for its metrics.
#pragma once

#include <prometheus/collectable.h>
#include <prometheus/metric_family.h>

#include <vector>

#include "absl/time/time.h"
#include "base/clock.h"
#include "server/job_queue.h"
#include "server/readiness.h"
#include "storage/blob_store.h"
#include "telemetry/tracer.h"

namespace joinery::server {

// Jobs, workers, blobs, room on disk, errors of SQLite, readiness, spans. What cannot be looked up is left out, so that
// the rest is still seen. Thread-safe.
class StateMetrics : public prometheus::Collectable {
 public:
  // All must outlive this object.
  StateMetrics(JobQueue& queue, storage::BlobStore& blobs, const Readiness& readiness, const telemetry::Tracer& tracer,
               const base::Clock& clock)
      : queue_(queue), blobs_(blobs), readiness_(readiness), tracer_(tracer), clock_(clock) {}

  std::vector<prometheus::MetricFamily> Collect() const override;

 private:
  void AddJobs(std::vector<prometheus::MetricFamily>& families) const;
  void AddWorkers(std::vector<prometheus::MetricFamily>& families) const;
  void AddBlobs(std::vector<prometheus::MetricFamily>& families) const;

  JobQueue& queue_;
  storage::BlobStore& blobs_;
  const Readiness& readiness_;
  const telemetry::Tracer& tracer_;
  const base::Clock& clock_;
};

}  // namespace joinery::server
