// Counts and times calls.
#pragma once

#include <prometheus/registry.h>

#include <string>

#include "telemetry/bounded_family.h"
#include "telemetry/rpc_observer.h"

namespace joinery::telemetry {

// PREFIX_handled_total{method, code}, PREFIX_seconds{method} and PREFIX_in_progress{method}. Thread-safe.
class RpcMetrics : public RpcObserver {
 public:
  // `prefix` is such as "joinery_rpc_server".
  RpcMetrics(prometheus::Registry& registry, const std::string& prefix);

  void CallBegan(const std::string& method) override;
  void CallEnded(const std::string& method, grpc::StatusCode code, absl::Duration elapsed) override;

 private:
  BoundedFamily<prometheus::Counter> handled_;
  BoundedFamily<prometheus::Histogram> seconds_;
  BoundedFamily<prometheus::Gauge> in_progress_;
};

}  // namespace joinery::telemetry
