// How much memory a process and all that it started have together, where a limit of each alone does not say it.
#pragma once

#include <sys/types.h>

#include <cstdint>

namespace joinery::worker {

// Whether the descendants of `ancestor`, which itself does not count, have more than `limit_bytes` of memory of their
// own: anonymous and shared pages, each page counted once however many of them share it. What cannot be read, because
// it ended meanwhile or the kernel hides it, does not count. Source: proc(5), smaps_rollup.
bool HaveMoreMemoryThan(pid_t ancestor, int64_t limit_bytes);

}  // namespace joinery::worker
