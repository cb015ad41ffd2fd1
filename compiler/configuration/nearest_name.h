// What a mistyped name was probably meant to be.
#pragma once

#include <string>
#include <vector>

#include "absl/strings/string_view.h"

namespace joinery::compiler {

// Insertions, deletions, replacements and swaps of neighbours that turn `left` into `right`, regardless of case.
int EditDistance(absl::string_view left, absl::string_view right);

// "did you mean \"X\"?" for the name nearest to `name`, or, if none is near, "known are A, B, C". Empty if there are no
// `names`. Of names equally near the first is taken.
std::string SuggestName(absl::string_view name, const std::vector<std::string>& names);

}  // namespace joinery::compiler
