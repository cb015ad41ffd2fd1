// Patterns that layers are named by.
#pragma once

#include <string>

#include "absl/status/status.h"
#include "absl/strings/string_view.h"

namespace joinery::compiler {

// kInvalidArgument, beginning "PATH: ", if `pattern` is no regular expression of RE2's syntax or longer than 256 bytes.
absl::Status CheckNodePattern(const std::string& pattern, absl::string_view path);

}  // namespace joinery::compiler
