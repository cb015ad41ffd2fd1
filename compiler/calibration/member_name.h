// Names of the files in a calibration set: what is refused, what is a sample, what is left out.
#pragma once

#include <cstddef>
#include <string>

#include "absl/status/statusor.h"
#include "absl/strings/string_view.h"

namespace joinery::compiler {

// `name` without "." and empty parts ("./a//b.jpg" is "a/b.jpg"; "." and "./" are empty). kInvalidArgument, naming it,
// if it is longer than `max_length`, absolute, or contains "..", a backslash, a drive letter or a control character.
absl::StatusOr<std::string> CleanMemberName(absl::string_view name, size_t max_length);

// Whether `name`, or a folder it is in, begins with a dot.
bool IsHidden(absl::string_view name);

// Whether `name` ends in ".jpg", ".jpeg", ".png", ".npy" or ".bin", in any case.
bool IsSampleName(absl::string_view name);

// `name` for people: unprintable bytes escaped, and cut off if very long.
std::string ShowName(absl::string_view name);

}  // namespace joinery::compiler
