// Errors: macros that pass a Status on, and context added on the way.
#pragma once

#include <utility>

#include "absl/status/status.h"
#include "absl/status/statusor.h"
#include "absl/strings/string_view.h"

// Returns from the enclosing function if `expression`, an absl::Status, is an error.
#define RETURN_IF_ERROR(expression)                                                     \
  do {                                                                                  \
    if (absl::Status status_of_expression = (expression); !status_of_expression.ok()) { \
      return status_of_expression;                                                      \
    }                                                                                   \
  } while (false)

// Assigns the value of `expression`, an absl::StatusOr, to `target` (which may declare a variable), or returns its
// error.
#define ASSIGN_OR_RETURN(target, expression) \
  JOINERY_ASSIGN_OR_RETURN(JOINERY_JOIN(status_or_, __LINE__), target, expression)
#define JOINERY_ASSIGN_OR_RETURN(result, target, expression) \
  auto result = (expression);                                \
  if (!result.ok()) return std::move(result).status();       \
  target = std::move(result).value()
#define JOINERY_JOIN(left, right) JOINERY_JOIN_EXPANDED(left, right)
#define JOINERY_JOIN_EXPANDED(left, right) left##right

namespace joinery::base {

// `status` with "context: " before its message; code and payloads stay. An OK status stays as it is.
absl::Status Annotate(const absl::Status& status, absl::string_view context);

// Whether the same call may succeed later without anybody changing anything: decides retries everywhere.
bool IsRetriable(const absl::Status& status);

// The Status for `errno_value`, left by a system call: "WHAT: No space left on device".
absl::Status ErrnoStatus(int errno_value, absl::string_view what);

}  // namespace joinery::base
