// What somebody may have meant who mistyped a name.
#pragma once

#include <string>
#include <vector>

#include "absl/strings/string_view.h"

namespace joinery::client {

// The candidate with the fewest edits to `word`; empty if even that would be a different word.
std::string Nearest(absl::string_view word, const std::vector<std::string>& candidates);

}  // namespace joinery::client
