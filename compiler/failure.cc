#include "compiler/failure.h"

#include <optional>

#include "absl/strings/cord.h"

namespace joinery::compiler {
namespace {

constexpr char kPayload[] = "joinery.v1.Failure";

}  // namespace

absl::Status WithReason(const absl::Status& status, v1::FailureReason reason, const std::string& culprit) {
  if (status.ok() || status.GetPayload(kPayload).has_value()) return status;
  v1::Failure failure;
  failure.set_reason(reason);
  failure.set_culprit(culprit);
  absl::Status with_reason = status;
  with_reason.SetPayload(kPayload, absl::Cord(failure.SerializeAsString()));
  return with_reason;
}

v1::Failure ToFailure(const absl::Status& status) {
  v1::Failure failure;
  const auto payload = status.GetPayload(kPayload);
  if (!payload.has_value() || !failure.ParseFromString(std::string(*payload))) {
    failure.set_reason(absl::IsResourceExhausted(status) ? v1::FAILURE_REASON_OUT_OF_MEMORY
                                                         : v1::FAILURE_REASON_INTERNAL);
  }
  failure.set_message(std::string(status.message()));
  return failure;
}

}  // namespace joinery::compiler
