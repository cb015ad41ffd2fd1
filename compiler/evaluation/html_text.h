// Text that becomes part of an HTML page.
#pragma once

#include <string>

#include "absl/strings/string_view.h"

namespace joinery::compiler {

// `text` so that a page shows it and does nothing else with it, in content and in quoted attributes: markup is escaped;
// what is not UTF-8, control characters and those that turn the direction of writing become U+FFFD.
std::string EscapeHtml(absl::string_view text);

// The end of `text` if it is longer than `most` bytes, with "…" in front: names of tensors differ at their ends. Not
// escaped. Cuts between characters.
std::string Shorten(absl::string_view text, size_t most);

// "12.3", "0.00123": three significant digits.
std::string FormatNumber(double value);
// "12.3 %" of a share of 0.123.
std::string FormatPercent(double share);

}  // namespace joinery::compiler
