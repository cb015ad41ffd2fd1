// YAML, as far as configurations need it.
#pragma once

#include <nlohmann/json.hpp>

#include "absl/status/statusor.h"
#include "absl/strings/string_view.h"

namespace joinery::compiler {

// Reads at most 1 MiB of YAML as the JSON that says the same. A plain scalar is null, true or false, or a number where
// it looks like one, else a string, as is every quoted one. Anchors, aliases and tags are refused, as are a second
// document, a key that is given twice, and nesting deeper than kMaxJsonDepth. Errors are kInvalidArgument and begin
// "FILE:LINE:COLUMN: ".
absl::StatusOr<nlohmann::json> ParseYamlText(absl::string_view text, absl::string_view file_name);

}  // namespace joinery::compiler
