// What an absl::Status of the client says beyond its code: where it came from and how to go on. Kept as payloads, so it
// survives base::Annotate.
#pragma once

#include <string>
#include <vector>

#include "absl/status/status.h"
#include "absl/strings/string_view.h"
#include "joinery/v1/jobs.pb.h"

namespace joinery::client {

// Where an error came from, if its code alone does not decide what it means.
enum class Origin {
  kUnspecified,  // The code decides.
  kLocalIo,      // A file or folder of this machine.
  kJobFailed,
  kJobCancelled,
  kWaitTimedOut,  // The job goes on.
  kInterrupted,   // Ctrl-C.
  kTerminated,    // SIGTERM.
  kReaderGone,    // Whoever read our output closed it; nobody wants to hear more.
  kNeedsCpu,      // What a check found, and has been told.
  kImpossible,
};

// All of these pass an OK status through.
absl::Status WithOrigin(absl::Status status, Origin origin);
absl::Status WithWhy(absl::Status status, absl::string_view why);
absl::Status WithFix(absl::Status status, absl::string_view fix);
absl::Status WithJob(absl::Status status, absl::string_view job_id);
absl::Status WithRequest(absl::Status status, absl::string_view request_id);

// What went wrong with a file or folder of this machine.
absl::Status LocalIo(const absl::Status& status);

Origin OriginOf(const absl::Status& status);

// OK if the job succeeded, and what to tell if it failed or was cancelled. kInternal if it is not final.
absl::Status OutcomeOf(const v1::Job& job);

// Of several: that of the first that did not succeed, and how many did not.
absl::Status OutcomeOf(const std::vector<v1::Job>& jobs);

// An error, ready to be shown to people or programs.
struct ErrorReport {
  std::string code;         // "UNAVAILABLE", or a job's reason: "INVALID_MODEL".
  std::string error_class;  // "user", "transient" or "service": who can do something about it.
  std::string message;
  std::string why;  // This and the rest may be empty.
  std::string fix;
  std::string job_id;
  std::string request_id;
  bool retryable = false;
};

ErrorReport Describe(const absl::Status& status);

}  // namespace joinery::client
