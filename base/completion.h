// Scripts that complete a program's command line in a shell, made from the command line's own description.
#pragma once

#include <CLI/CLI.hpp>
#include <string>

#include "absl/status/statusor.h"
#include "absl/strings/string_view.h"

namespace joinery::base {

// For "bash", "zsh" or "fish"; kInvalidArgument for others. `root` is the whole command line, whose
// name is the program's.
absl::StatusOr<std::string> CompletionScript(const CLI::App& root, absl::string_view shell);

}  // namespace joinery::base
