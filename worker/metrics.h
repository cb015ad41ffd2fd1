// What joinery-worker counts; docs/observability.md has the table.
#pragma once

#include <prometheus/registry.h>

#include <atomic>
#include <cstdint>
#include <string>

#include "absl/time/time.h"
#include "joinery/v1/workers.pb.h"
#include "telemetry/bounded_family.h"
#include "telemetry/rpc_metrics.h"

namespace joinery::worker {

// Thread-safe.
class WorkerMetrics {
 public:
  WorkerMetrics();

  const prometheus::Registry& registry() const { return registry_; }
  telemetry::RpcObserver& rpc() { return rpc_; }

  // Whether the server answered when it was last asked for a job.
  void SetConnected(bool connected);
  bool connected() const { return connected_; }

  void AttemptBegan() { busy_.Set(1); }
  // `request` is what the server was told in the end; null if it could not be told.
  void AttemptEnded(const v1::FinishJobRequest* request, absl::Duration elapsed);

  void InputFetched(int64_t size_bytes, bool was_cached);
  void ResultUploaded(int64_t size_bytes) { uploaded_.Increment(static_cast<double>(size_bytes)); }
  void StageEnded(const std::string& stage, absl::Duration elapsed);
  void CompilerEnded(absl::Duration cpu_time) { compiler_cpu_.Increment(absl::ToDoubleSeconds(cpu_time)); }

 private:
  prometheus::Registry registry_;
  telemetry::RpcMetrics rpc_;
  std::atomic<bool> connected_ = false;
  prometheus::Gauge& connected_gauge_;
  prometheus::Gauge& busy_;
  telemetry::BoundedFamily<prometheus::Counter> attempts_;
  prometheus::Histogram& attempt_seconds_;
  telemetry::BoundedFamily<prometheus::Counter> inputs_;
  prometheus::Counter& fetched_;
  prometheus::Counter& uploaded_;
  telemetry::BoundedFamily<prometheus::Histogram> stage_seconds_;
  prometheus::Counter& compiler_cpu_;
};

}  // namespace joinery::worker
