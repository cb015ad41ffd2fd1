// What monitoring asks a program, over HTTP:
//
//   GET /metrics   Prometheus' text format 0.0.4
//   GET /healthz   200 while the process answers at all: restart it if it does not
//   GET /readyz    200 if it can do its work now; 503 and why not, else: send it no work
//
// There is no login here and nothing secret; still it is meant for loopback or a network of the operators.
#pragma once

#include <prometheus/collectable.h>

#include <functional>
#include <memory>
#include <string>
#include <vector>

#include "absl/status/status.h"
#include "absl/status/statusor.h"

namespace joinery::telemetry {

struct StatusEndpointOptions {
  // HOST:PORT or [HOST]:PORT; port 0 takes a free one.
  std::string listen;
  // Why the program cannot work; OK if it can. Must answer at once and be thread-safe.
  std::function<absl::Status()> readiness;
  // Where the metrics come from, in this order. Each must outlive the endpoint.
  std::vector<const prometheus::Collectable*> metrics;
};

// All that `collectables` have, as /metrics gives it.
std::string MetricsText(const std::vector<const prometheus::Collectable*>& collectables);

// Serves until destroyed, on threads of its own.
class StatusEndpoint {
 public:
  virtual ~StatusEndpoint() = default;

  virtual int port() const = 0;

  // Errors: kInvalidArgument `listen` is no address · kUnavailable nothing can listen there.
  static absl::StatusOr<std::unique_ptr<StatusEndpoint>> Start(StatusEndpointOptions options);
};

}  // namespace joinery::telemetry
