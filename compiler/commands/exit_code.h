// What joineryc's exit code says. The numbers are those of all Joinery programs; see docs/exit-codes.md.
#pragma once

#include "absl/status/status.h"

namespace joinery::compiler {

inline constexpr int kExitSuccess = 0;
// The model, the data or the configuration is at fault: the user can act.
inline constexpr int kExitFailed = 1;
inline constexpr int kExitUsage = 2;
// Joinery is at fault.
inline constexpr int kExitInternal = 6;
// A file could not be read or written.
inline constexpr int kExitLocalIo = 10;

int ExitCodeFor(const absl::Status& status);

// Says on standard error what went wrong, and returns ExitCodeFor(status).
int ReportError(const absl::Status& status);

// The same for a command that only reads models: what is wrong with one is the user's to mend. Success says nothing.
int ReportModelCommand(const absl::Status& status);

}  // namespace joinery::compiler
