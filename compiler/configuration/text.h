// What configurations of every form have in common: they are text, and not much of it.
#pragma once

#include <cstddef>
#include <string>

#include "absl/status/status.h"
#include "absl/strings/string_view.h"

namespace joinery::compiler {

inline constexpr size_t kLargestConfiguration = size_t{1} << 20;

// "FILE:LINE:COLUMN: " of the byte at `offset`, counted from 1, columns in bytes.
std::string Position(absl::string_view file_name, absl::string_view text, size_t offset);

// kInvalidArgument, beginning with the file's name, for more than kLargestConfiguration bytes, control characters, and
// what is no UTF-8.
absl::Status CheckText(absl::string_view text, absl::string_view file_name);

}  // namespace joinery::compiler
