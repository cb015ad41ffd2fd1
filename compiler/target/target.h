// The chips that Joinery knows, and those that people describe themselves.
#pragma once

#include <string>

#include "absl/status/status.h"
#include "absl/status/statusor.h"
#include "absl/strings/string_view.h"
#include "absl/types/span.h"
#include "joinery/v1/build_configuration.pb.h"
#include "joinery/v1/target.pb.h"

namespace joinery::compiler {

// All that are built in, `like` resolved, in the order of their files' names. Read once, kept for the program's life;
// thread-safe. Errors: kInternal if a built-in file has a mistake.
absl::StatusOr<absl::Span<const v1::TargetDescription>> AllTargets();

// The built-in target of that name or alias; case does not count. Errors: kInvalidArgument that names the nearest and
// all there are.
absl::StatusOr<v1::TargetDescription> FindTarget(absl::string_view name);

// A description from a file in protobuf's text form; it may be `like` a built-in one.
// Errors: those of reading the file; kInvalidArgument with file, line and column, or the field at fault and what to do.
absl::StatusOr<v1::TargetDescription> LoadTargetFile(const std::string& path);

// The same for text that messages call `file_name`.
absl::StatusOr<v1::TargetDescription> ParseTarget(absl::string_view text, absl::string_view file_name);

// The target's mode of that name or alias; case does not count. "", "AUTO" and "DEFAULT" are the first.
// Errors: kInvalidArgument that names all there are.
absl::StatusOr<v1::NpuMode> FindMode(const v1::TargetDescription& target, absl::string_view name);

// A chip and how much of its NPU is used.
struct ChipMode {
  v1::TargetDescription chip;
  v1::NpuMode mode;
};

// FindTarget and FindMode. Errors: theirs.
absl::StatusOr<ChipMode> FindChipMode(const v1::Target& target);

// "CHIP" or "CHIP:MODE", as people write it, as a target of that hardware and virtual NPU.
v1::Target SplitChipMode(absl::string_view text);

}  // namespace joinery::compiler
