#include "worker/classify.h"

#include <sys/wait.h>

#include <csignal>
#include <cstring>
#include <string>

#include "absl/strings/match.h"
#include "absl/strings/str_cat.h"

namespace joinery::worker {
namespace {

// 128 + SIGKILL: what a shell exits with when its command was killed.
constexpr int kExitCodeOfKilled = 137;

v1::Failure MakeFailure(v1::FailureReason reason, const std::string& message) {
  v1::Failure failure;
  failure.set_reason(reason);
  failure.set_message(message);
  return failure;
}

std::string MemoryLimit(const ChildLimits& limits) {
  if (limits.memory_bytes == 0) return "";
  return absl::StrCat(" (this worker allows ", limits.memory_bytes >> 20, " MiB)");
}

bool TellsOfMemory(const std::string& output) {
  return absl::StrContains(output, "bad_alloc") || absl::StrContains(output, "out of memory") ||
         absl::StrContains(output, "Cannot allocate memory");
}

v1::Failure OutOfMemory(const ChildLimits& limits) {
  return MakeFailure(v1::FAILURE_REASON_OUT_OF_MEMORY,
                     absl::StrCat("the compiler ran out of memory", MemoryLimit(limits),
                                  "; use a smaller model or fewer samples, or a worker with more memory"));
}

v1::Failure OutOfTime(absl::Duration limit, const char* kind) {
  return MakeFailure(v1::FAILURE_REASON_TIMED_OUT,
                     absl::StrCat("the compiler did not end within ", absl::FormatDuration(limit), kind,
                                  "; use a smaller model or fewer samples, or a worker with a longer limit"));
}

// The kernel sends SIGKILL when memory runs out. It may have been for another process, so this is a guess, but one that
// asks for a job to be tried again where that may help.
bool MayBeForMemory(const ChildEnd& end) { return end.killed_for_memory.value_or(1) > 0; }

v1::Failure Killed() {
  v1::Failure failure = MakeFailure(v1::FAILURE_REASON_INTERNAL,
                                    "somebody on the worker's host killed the compiler (SIGKILL), and it was neither "
                                    "this worker nor the kernel for want of memory");
  failure.set_fault_of(v1::FAULT_OF_INFRASTRUCTURE);
  return failure;
}

v1::Failure OutOfDisk(const ChildLimits& limits) {
  return MakeFailure(
      v1::FAILURE_REASON_INTERNAL,
      absl::StrCat("the compiler wrote more than the ", limits.disk_bytes >> 20, " MiB that this worker allows"));
}

v1::Failure ClassifySignal(int signal, const ChildEnd& end, const ChildLimits& limits) {
  if (signal == SIGXCPU || (signal == SIGKILL && end.cpu_time >= limits.cpu_time)) {
    return OutOfTime(limits.cpu_time, " of processor time");
  }
  if (signal == SIGKILL && !MayBeForMemory(end)) return Killed();
  if (signal == SIGKILL || TellsOfMemory(end.last_output)) return OutOfMemory(limits);
  if (signal == SIGXFSZ) return OutOfDisk(limits);
  const char* name = sigabbrev_np(signal);
  const std::string signal_name = name == nullptr ? absl::StrCat("signal ", signal) : absl::StrCat("SIG", name);
  return MakeFailure(v1::FAILURE_REASON_INTERNAL,
                     absl::StrCat("the compiler was ended by ", signal_name, "; its last output is in the job's log"));
}

}  // namespace

std::optional<v1::Failure> ClassifyEnd(const ChildEnd& end, const ChildLimits& limits) {
  if (end.out_of_wall_time) return OutOfTime(limits.wall_time, "");
  if (end.out_of_disk) return OutOfDisk(limits);
  if (end.out_of_memory) return OutOfMemory(limits);
  if (WIFSIGNALED(end.wait_status)) return ClassifySignal(WTERMSIG(end.wait_status), end, limits);
  const int exit_code = WEXITSTATUS(end.wait_status);
  if (exit_code == 0) return std::nullopt;
  if (exit_code == kExitCodeOfKilled && !MayBeForMemory(end)) return Killed();
  if (exit_code == kExitCodeOfKilled || TellsOfMemory(end.last_output)) return OutOfMemory(limits);
  return MakeFailure(v1::FAILURE_REASON_INTERNAL,
                     absl::StrCat("the compiler ended with exit code ", exit_code,
                                  " and did not say why; its last output is in the job's log"));
}

}  // namespace joinery::worker
