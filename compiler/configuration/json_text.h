// JSON as people write configurations in it: with comments.
#pragma once

#include <nlohmann/json.hpp>

#include "absl/status/statusor.h"
#include "absl/strings/string_view.h"

namespace joinery::compiler {

// Values nested deeper than this are refused.
constexpr int kMaxJsonDepth = 32;

// Reads at most 1 MiB of JSON. Comments are those of JavaScript (`// ...`, `/* ... */`) and of Python (`# ...`).
// Errors are kInvalidArgument and begin "FILE:LINE:COLUMN: "; a key that is given twice is one, without its place.
absl::StatusOr<nlohmann::json> ParseJsonText(absl::string_view text, absl::string_view file_name);

// The offset of the first byte that is neither white space nor part of a comment; text.size() if there is none.
size_t SkipComments(absl::string_view text);

}  // namespace joinery::compiler
