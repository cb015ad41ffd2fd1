// Starts a program in its own session, under limits, with nothing of ours but what it is given.
#pragma once

#include <sys/types.h>

#include <cstdint>
#include <string>
#include <vector>

#include "absl/status/statusor.h"
#include "absl/time/time.h"
#include "base/file.h"

namespace joinery::worker {

// 0 or an infinite duration: no limit beyond the worker's own.
struct ChildLimits {
  // Address space (RLIMIT_AS).
  int64_t memory_bytes = 0;
  // Largest file it may write (RLIMIT_FSIZE).
  int64_t file_size_bytes = 0;
  // Of processor, summed over its threads; rounded up to seconds (RLIMIT_CPU).
  absl::Duration cpu_time = absl::InfiniteDuration();
  // From start to end.
  absl::Duration wall_time = absl::InfiniteDuration();
};

struct ChildCommand {
  // The program's absolute path, then its arguments.
  std::vector<std::string> arguments;
  // Where it runs; its HOME and TMPDIR.
  std::string folder;
  ChildLimits limits;
};

struct SpawnedChild {
  pid_t pid = -1;
  // Readable once it has ended (pidfd_open).
  base::UniqueFd pidfd;
  // What it writes to stdout and stderr. Not blocking.
  base::UniqueFd output;
  // What it writes to descriptor 3. Not blocking.
  base::UniqueFd events;
};

// The child has /dev/null as stdin, descriptors 0 to 3 and no other, an environment of PATH, HOME, TMPDIR and LANG, no
// blocked or ignored signals, no core dumps, and leads its own session and process group. It is killed when the
// *thread* that called this ends, so that thread must outlive it. The caller reaps it. `limits.wall_time` is the
// caller's to keep.
// Errors: those of pipe, fork, chdir and execve, naming the program.
absl::StatusOr<SpawnedChild> Spawn(const ChildCommand& command);

}  // namespace joinery::worker
