// What joineryd counts; docs/observability.md has the table.
#pragma once

#include <prometheus/registry.h>

#include <cstdint>
#include <string>

#include "absl/time/time.h"
#include "joinery/v1/jobs.pb.h"
#include "server/observer.h"
#include "telemetry/bounded_family.h"
#include "telemetry/rpc_metrics.h"

namespace joinery::server {

// Thread-safe. What can be looked up when somebody asks is not counted here: see StateMetrics.
class ServerMetrics : public Observer {
 public:
  ServerMetrics();

  prometheus::Registry& registry() { return registry_; }
  telemetry::RpcObserver& rpc() { return rpc_; }

  void JobChanged(const v1::Job& job) override;
  void BytesReceived(int64_t count) override { received_.Increment(static_cast<double>(count)); }
  void BytesSent(int64_t count) override { sent_.Increment(static_cast<double>(count)); }
  void BlobDamaged(const std::string& /*digest*/) override { damaged_.Increment(); }
  void BytesScrubbed(int64_t count) override { scrubbed_.Increment(static_cast<double>(count)); }
  void ScrubEnded(absl::Time now) override { scrub_ended_.Set(absl::ToDoubleSeconds(now - absl::UnixEpoch())); }

 private:
  void AttemptEnded(const v1::Attempt& attempt);

  prometheus::Registry registry_;
  telemetry::RpcMetrics rpc_;
  prometheus::Counter& submitted_;
  prometheus::Counter& answered_;
  telemetry::BoundedFamily<prometheus::Counter> finished_;
  telemetry::BoundedFamily<prometheus::Counter> attempts_;
  prometheus::Histogram& queue_seconds_;
  prometheus::Histogram& attempt_seconds_;
  telemetry::BoundedFamily<prometheus::Histogram> stage_seconds_;
  prometheus::Counter& received_;
  prometheus::Counter& sent_;
  prometheus::Counter& damaged_;
  prometheus::Counter& scrubbed_;
  prometheus::Gauge& scrub_ended_;
};

}  // namespace joinery::server
