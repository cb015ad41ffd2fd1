#include "compiler/commands/exit_code.h"

#include <iostream>

#include "compiler/failure.h"

namespace joinery::compiler {

int ExitCodeFor(const absl::Status& status) {
  if (status.ok()) return kExitSuccess;
  if (absl::IsNotFound(status) || absl::IsPermissionDenied(status)) return kExitLocalIo;
  return ToFailure(status).reason() == v1::FAILURE_REASON_INTERNAL ? kExitInternal : kExitFailed;
}

int ReportError(const absl::Status& status) {
  const v1::Failure failure = ToFailure(status);
  constexpr size_t kPrefix = sizeof("FAILURE_REASON_") - 1;
  std::cerr << "error: " << failure.message() << " (" << v1::FailureReason_Name(failure.reason()).substr(kPrefix)
            << ")\n";
  return ExitCodeFor(status);
}

int ReportModelCommand(const absl::Status& status) {
  if (status.ok()) return kExitSuccess;
  const bool is_users = absl::IsInvalidArgument(status) || absl::IsUnimplemented(status);
  return ReportError(is_users ? WithReason(status, v1::FAILURE_REASON_INVALID_MODEL) : status);
}

}  // namespace joinery::compiler
