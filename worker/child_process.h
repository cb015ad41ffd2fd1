// Runs a program to its end, or ends it: by its limits, or because somebody asks.
#pragma once

#include <cstdint>
#include <functional>
#include <optional>
#include <string>

#include "absl/status/statusor.h"
#include "absl/strings/string_view.h"
#include "absl/time/time.h"
#include "worker/job_stop.h"
#include "worker/spawn.h"

namespace joinery::worker {

// How a child ended.
struct ChildEnd {
  // As waitpid tells it of the program; WIFEXITED and so on apply.
  int wait_status = 0;
  // It was killed because its wall time was over.
  bool out_of_wall_time = false;
  // It was killed because its folder held more than it may.
  bool out_of_disk = false;
  // It was killed because it and what it started had more memory together than it may.
  bool out_of_memory = false;
  // It was ended because `stop` was requested.
  bool stopped = false;
  // How many processes the kernel killed on the host meanwhile because memory ran out, if it says.
  std::optional<int64_t> killed_for_memory;
  // User and system time of the child and what it waited for.
  absl::Duration cpu_time;
  // The last 64 KiB of stdout and stderr, mixed as they came.
  std::string last_output;
};

// Starts `command`, hands what it writes to descriptor 3 to `take_events` in pieces, and returns when it has ended.
// Once `stop` is requested it is sent SIGTERM, and SIGKILL two seconds later, if it is cancelled; SIGKILL at once for
// every other reason. Whatever it started and is left then is killed too, so nothing runs on. Blocks; call it on a
// thread that outlives the child.
// Errors: those of Spawn; a program that was started and failed is not an error.
absl::StatusOr<ChildEnd> RunChild(const ChildCommand& command, const JobStop& stop,
                                  const std::function<void(absl::string_view)>& take_events);

}  // namespace joinery::worker
