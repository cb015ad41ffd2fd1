// Whether bytes are UTF-8.
#pragma once

#include <cstddef>

#include "absl/strings/string_view.h"

namespace joinery::base {

// The length in bytes of the UTF-8 character that `text`, which is not empty, begins with; 0 if it begins with none:
// also for characters that are written longer than needed, for surrogates, and beyond U+10FFFF.
// Source: RFC 3629, section 3.
size_t Utf8CharacterLength(absl::string_view text);

// Whether `text` is nothing but such characters.
bool IsUtf8(absl::string_view text);

}  // namespace joinery::base
