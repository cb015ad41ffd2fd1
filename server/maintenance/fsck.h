// Checks a data folder: the database, every blob's bytes, every reference.
#pragma once

#include <cstdint>
#include <string>
#include <vector>

#include "absl/status/status.h"
#include "absl/status/statusor.h"

namespace joinery::server {

inline constexpr char kDamagedBlob[] = "damaged_blob";

struct Problem {
  // "database", kDamagedBlob, "missing_blob", "wrong_size" or "unreadable_blob".
  std::string kind;
  // A digest or a job's id.
  std::string subject;
  std::string message;
};

struct FsckReport {
  int64_t blobs = 0;
  // Bytes read.
  int64_t bytes = 0;
  int64_t references = 0;
  int64_t owners = 0;
  std::vector<Problem> problems;
};

struct FsckOptions {
  // Moves damaged blobs to quarantine/, so that they can be uploaded again.
  bool quarantine = false;
};

// Changes nothing else, and may run while a server works in the folder: it removes no blobs meanwhile. Errors: there is
// no such folder, or it cannot be read at all; what is wrong with its contents is in the report.
absl::StatusOr<FsckReport> CheckDataFolder(const std::string& folder, const FsckOptions& options);

}  // namespace joinery::server
