// Getting what a job made.
#pragma once

#include <string>

#include "absl/status/status.h"
#include "absl/status/statusor.h"
#include "client/commands/invocation.h"

namespace joinery::client {

// Where `-o`, `--report` and `--html-report` say the result goes.
struct ResultPaths {
  std::string artifact;  // A file, or a folder to put `default_name` into. Empty: the current folder.
  std::string report;    // Empty: nowhere.
  std::string html_report = {};
  std::string default_name;
};

// The file the artifact will be; Origin::kLocalIo if its folder, or that of a report, is not there or not writable.
absl::StatusOr<std::string> CheckResultPaths(const ResultPaths& paths);

// Puts artifact and reports where they belong and prints the artifact's path, with a summary for people. The job must
// have succeeded.
absl::Status FetchResult(Invocation& invocation, const v1::Job& job, const ResultPaths& paths);

}  // namespace joinery::client
