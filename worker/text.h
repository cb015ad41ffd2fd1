// Makes text that others wrote safe to log, to store and to send.
#pragma once

#include <cstddef>
#include <string>

#include "absl/strings/string_view.h"

namespace joinery::worker {

// At most `max_bytes` of `text`, as valid UTF-8 on one line: bytes that are not UTF-8 and control characters (tabs
// excepted) become '?', and what is cut off is marked by "..." at the end, within `max_bytes` (at least 3).
std::string CleanText(absl::string_view text, size_t max_bytes);

}  // namespace joinery::worker
