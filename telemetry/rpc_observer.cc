#include "telemetry/rpc_observer.h"

#include <cstddef>
#include <iterator>

#include "absl/status/status.h"
#include "absl/strings/match.h"
#include "absl/strings/strip.h"

namespace joinery::telemetry {

std::string ShortMethod(absl::string_view method) {
  method = absl::StripPrefix(method, "/");
  return std::string(absl::StripPrefix(method, "joinery.v1."));
}

const char* CodeName(grpc::StatusCode code) {
  static constexpr const char* kNames[] = {
      "OK",        "CANCELLED",      "UNKNOWN",           "INVALID_ARGUMENT",   "DEADLINE_EXCEEDED",
      "NOT_FOUND", "ALREADY_EXISTS", "PERMISSION_DENIED", "RESOURCE_EXHAUSTED", "FAILED_PRECONDITION",
      "ABORTED",   "OUT_OF_RANGE",   "UNIMPLEMENTED",     "INTERNAL",           "UNAVAILABLE",
      "DATA_LOSS", "UNAUTHENTICATED"};
  const auto index = static_cast<size_t>(code);
  return index < std::size(kNames) ? kNames[index] : "UNKNOWN";
}

bool IsChatter(absl::string_view method) {
  return method == "WorkerService/LeaseJob" || method == "WorkerService/Heartbeat" || absl::StartsWith(method, "grpc.");
}

}  // namespace joinery::telemetry
