// The exit codes of `joinery`: the same in every output format, and decided here only.
#pragma once

#include "absl/status/status.h"

namespace joinery::client {

enum class ExitCode : int {
  kSuccess = 0,
  kJobFailed = 1,     // Model, data or options: the user can act.
  kUsage = 2,         // Command line, configuration, or a request the server finds malformed.
  kNotFound = 3,      // What was asked for is not on the server.
  kPermission = 4,    // Authentication or permission.
  kUnavailable = 5,   // The server cannot be reached, or is overloaded: try again.
  kServiceFault = 6,  // A fault on the server's side.
  kJobCancelled = 7,
  kWaitTimedOut = 8,   // The job is still alive.
  kLocalIo = 10,       // A file or folder of this machine.
  kNeedsCpu = 11,      // A check: the CPU is needed in the midst of the network.
  kImpossible = 12,    // A check: not on this target at all.
  kInterrupted = 130,  // Ctrl-C; a job that was submitted goes on.
  kTerminated = 143,   // SIGTERM.
};

// What a command's status means. Of a job, give OutcomeOf(job).
ExitCode ExitCodeFor(const absl::Status& status);

}  // namespace joinery::client
