#include "client/exit_code.h"

#include "client/error.h"

namespace joinery::client {
namespace {

ExitCode ExitCodeFor(absl::StatusCode code) {
  switch (code) {
    case absl::StatusCode::kOk:
      return ExitCode::kSuccess;
    case absl::StatusCode::kInvalidArgument:
    case absl::StatusCode::kOutOfRange:
    case absl::StatusCode::kAlreadyExists:
    case absl::StatusCode::kFailedPrecondition:
      return ExitCode::kUsage;
    case absl::StatusCode::kNotFound:
      return ExitCode::kNotFound;
    case absl::StatusCode::kPermissionDenied:
    case absl::StatusCode::kUnauthenticated:
      return ExitCode::kPermission;
    case absl::StatusCode::kUnavailable:
    case absl::StatusCode::kDeadlineExceeded:
    case absl::StatusCode::kResourceExhausted:
    case absl::StatusCode::kAborted:
      return ExitCode::kUnavailable;
    default:
      return ExitCode::kServiceFault;
  }
}

}  // namespace

ExitCode ExitCodeFor(const absl::Status& status) {
  switch (OriginOf(status)) {
    case Origin::kUnspecified:
      return ExitCodeFor(status.code());
    case Origin::kLocalIo:
      return ExitCode::kLocalIo;
    case Origin::kJobFailed:
      return ExitCode::kJobFailed;
    case Origin::kJobCancelled:
      return ExitCode::kJobCancelled;
    case Origin::kWaitTimedOut:
      return ExitCode::kWaitTimedOut;
    case Origin::kInterrupted:
      return ExitCode::kInterrupted;
    case Origin::kTerminated:
      return ExitCode::kTerminated;
    case Origin::kReaderGone:
      return ExitCode::kSuccess;
    case Origin::kNeedsCpu:
      return ExitCode::kNeedsCpu;
    case Origin::kImpossible:
      return ExitCode::kImpossible;
  }
  return ExitCode::kServiceFault;
}

}  // namespace joinery::client
