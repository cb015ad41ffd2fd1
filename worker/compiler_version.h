// Which compiler this worker has.
#pragma once

#include <string>

#include "absl/status/statusor.h"
#include "worker/sandbox.h"
#include "worker/work_folder.h"

namespace joinery::worker {

// Runs `compiler_path --version` in `sandbox` and returns the version in its first line ("joineryc 0.1.0" or "0.1.0":
// 0.1.0).
// Errors: it cannot be run, fails, takes more than a minute, or prints no version; the message says what to do.
absl::StatusOr<std::string> ReadCompilerVersion(const std::string& compiler_path, const Sandbox& sandbox,
                                                WorkFolder& work_folder);

}  // namespace joinery::worker
