#include "telemetry/rpc_metrics.h"

namespace joinery::telemetry {
namespace {

constexpr size_t kMaxMethods = 64;
constexpr size_t kMaxMethodsAndCodes = 512;

}  // namespace

RpcMetrics::RpcMetrics(prometheus::Registry& registry, const std::string& prefix)
    : handled_(CounterFamily(registry, prefix + "_handled_total", "Calls that ended, by method and code."),
               {"method", "code"}, kMaxMethodsAndCodes),
      seconds_(HistogramFamily(registry, prefix + "_seconds",
                               "Time from the first byte of a call to its end, waiting and streaming included."),
               {"method"}, kMaxMethods),
      in_progress_(GaugeFamily(registry, prefix + "_in_progress", "Calls that have not ended yet."), {"method"},
                   kMaxMethods) {}

void RpcMetrics::CallBegan(const std::string& method) { in_progress_.With({method}).Increment(); }

void RpcMetrics::CallEnded(const std::string& method, grpc::StatusCode code, absl::Duration elapsed) {
  in_progress_.With({method}).Decrement();
  handled_.With({method, CodeName(code)}).Increment();
  seconds_.With({method}, LatencyBuckets()).Observe(absl::ToDoubleSeconds(elapsed));
}

}  // namespace joinery::telemetry
