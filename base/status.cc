#include "base/status.h"

#include <cerrno>

#include "absl/strings/cord.h"
#include "absl/strings/str_cat.h"

namespace joinery::base {

absl::Status Annotate(const absl::Status& status, absl::string_view context) {
  if (status.ok()) return status;
  absl::Status annotated(status.code(), absl::StrCat(context, ": ", status.message()));
  status.ForEachPayload(
      [&](absl::string_view type, const absl::Cord& payload) { annotated.SetPayload(type, payload); });
  return annotated;
}

bool IsRetriable(const absl::Status& status) { return absl::IsUnavailable(status) || absl::IsDeadlineExceeded(status); }

absl::Status ErrnoStatus(int errno_value, absl::string_view what) {
  // Abseil has no code of its own for these: they mean "no room".
  if (errno_value == EDQUOT || errno_value == EFBIG) {
    return absl::ResourceExhaustedError(absl::ErrnoToStatus(errno_value, what).message());
  }
  return absl::ErrnoToStatus(errno_value, what);
}

}  // namespace joinery::base
