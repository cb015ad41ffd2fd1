// How long a token lives, as people write it.
#pragma once

#include "absl/status/statusor.h"
#include "absl/strings/string_view.h"
#include "absl/time/time.h"

namespace joinery::base {

// "30d", "12h", "1h30m"; "never" is infinite. Errors: kInvalidArgument it is none of these.
absl::StatusOr<absl::Duration> ParseLifetime(absl::string_view text);

}  // namespace joinery::base
