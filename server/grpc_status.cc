#include "server/grpc_status.h"

#include <spdlog/spdlog.h>

#include <string>

#include "telemetry/log.h"

namespace joinery::server {

grpc::Status ToGrpcStatus(const absl::Status& status) {
  // The numbers are the same on both sides by design.
  return {static_cast<grpc::StatusCode>(status.code()), std::string(status.message())};
}

grpc::Status Answer(absl::string_view method, const absl::Status& status) {
  if (absl::IsInternal(status) || absl::IsDataLoss(status) || absl::IsUnknown(status)) {
    spdlog::error("method={} code={} error={}", std::string(method), absl::StatusCodeToString(status.code()),
                  telemetry::LogValue(status.message()));
  }
  return ToGrpcStatus(status);
}

}  // namespace joinery::server
