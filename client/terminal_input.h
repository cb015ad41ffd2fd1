// What people type.
#pragma once

#include <string>

#include "absl/status/statusor.h"

namespace joinery::client {

// A line from descriptor `fd`, without its end. If that is a terminal, `prompt` is shown on it first and what is typed
// is not. Errors: kInvalidArgument there is no line, or it is longer than a secret is · those of reading.
absl::StatusOr<std::string> ReadSecretLine(int fd, const std::string& prompt);

}  // namespace joinery::client
