// Runs a program that is not ours, under limits.
#pragma once

#include <cstdint>
#include <functional>
#include <string>
#include <vector>

#include "absl/status/statusor.h"
#include "absl/strings/string_view.h"
#include "absl/time/time.h"

namespace joinery::compiler {

struct ProgramLimits {
  absl::Duration wall_time = absl::InfiniteDuration();
  // Largest file that it may write.
  int64_t file_bytes = int64_t{8} << 30;
  // Of output that is passed on; what is beyond is read and dropped.
  int64_t output_bytes = int64_t{4} << 20;
};

struct ProgramEnd {
  // As waitpid tells it.
  int wait_status = 0;
  // It was killed because its time was over.
  bool out_of_time = false;
  // SIGINT or SIGTERM came meanwhile, and was passed on; 0 if none did.
  int signal = 0;
};

// Runs `command` (a path, or a name that PATH has, then arguments) in `folder` and hands what it writes to stdout and
// stderr to `take_line`, line by line, as text without control characters and at most 2000 bytes a line. It leads a
// process group of its own, which is sent SIGTERM and two seconds later SIGKILL when its time is over or this process
// gets SIGINT or SIGTERM, and of which nothing is left when this returns. It dies with this process. Blocks; one at a
// time in a process.
// Errors: kNotFound, kPermissionDenied and those of the system calls, naming the program.
absl::StatusOr<ProgramEnd> RunProgram(const std::vector<std::string>& command, const std::string& folder,
                                      const ProgramLimits& limits,
                                      const std::function<void(absl::string_view line)>& take_line);

}  // namespace joinery::compiler
