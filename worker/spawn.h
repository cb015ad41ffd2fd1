// Starts a program under limits and in a sandbox, with nothing of ours but what it is given.
#pragma once

#include <sys/types.h>

#include <cstdint>
#include <string>
#include <vector>

#include "absl/status/statusor.h"
#include "absl/time/time.h"
#include "base/file.h"
#include "worker/sandbox.h"

namespace joinery::worker {

// 0 or an infinite duration: no limit beyond the worker's own.
struct ChildLimits {
  // Address space of each process (RLIMIT_AS), and about what all of them may have in memory together (looked at every
  // second).
  int64_t memory_bytes = 0;
  // Largest file it may write (RLIMIT_FSIZE), and about what its folder may hold (looked at every second).
  int64_t disk_bytes = 0;
  // Processes and threads at a time (RLIMIT_NPROC). With namespaces these are the child's own; without, everything that
  // runs on the host when it starts is added, because the kernel counts all processes of the user. Root is not limited
  // without.
  int64_t processes = 0;
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
  Sandbox sandbox;
  // Files and folders it may read besides what the sandbox has.
  std::vector<std::string> readable;
  // Device files that it may use besides the usual ones. With them limits.memory_bytes is what it may allocate
  // (RLIMIT_DATA), because drivers of devices take far more addresses than memory.
  std::vector<std::string> devices = {};
  // NAME=VALUE, besides what every child has.
  std::vector<std::string> environment;
};

struct SpawnedChild {
  // Of the supervisor (supervisor.h).
  pid_t pid = -1;
  // Readable once it has ended (pidfd_open).
  base::UniqueFd pidfd;
  // What the program writes to stdout and stderr. Not blocking.
  base::UniqueFd output;
  // What it writes to descriptor 3. Not blocking.
  base::UniqueFd events;
  // Has the program's wait status (an int) once the supervisor has ended, unless that was killed. Not blocking.
  base::UniqueFd status;
  // Open for as long as we live.
  base::UniqueFd alive;
};

// The child has /dev/null as stdin, descriptors 0 to 3 and no other, an environment of PATH, HOME, TMPDIR and LANG, no
// blocked or ignored signals, no core dumps, and leads its own session and process group. Its supervisor, and it, are
// killed when the *thread* that called this ends, so that thread must outlive them. The caller reaps the supervisor.
// `limits.wall_time`, the size of the folder and the memory of all together are the caller's to keep. If the sandbox
// has another user, `folder` is given to that one. Errors: those of the system calls, naming the program and the step.
absl::StatusOr<SpawnedChild> Spawn(const ChildCommand& command);

}  // namespace joinery::worker
