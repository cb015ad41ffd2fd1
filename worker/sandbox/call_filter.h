// What the kernel does not do for a compiler, whatever it asks (seccomp).
#pragma once

#include <linux/filter.h>

#include <vector>

namespace joinery::worker::sandbox {

// A program for the kernel that refuses, with EPERM: sockets, io_uring (which could make them too), new namespaces,
// mounts, keys, BPF, performance counters, handles of files; and to look into other processes, unless `may_trace`.
// System calls of another architecture end the process. Everything else is allowed, so that no C library is surprised.
// Empty on processors it was not written for (it knows x86-64 and arm64).
std::vector<sock_filter> MakeCallFilter(bool may_trace);

// Puts the filter onto the calling thread, for good, and for what it starts. Only system calls. False and errno if the
// kernel does not want it.
bool ApplyCallFilter(const std::vector<sock_filter>& filter);

}  // namespace joinery::worker::sandbox
