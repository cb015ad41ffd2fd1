// Copies of a data folder:
//
//   backup.json     written last: without it a backup is not whole
//   joinery.db      the database at one moment
//   blobs/ab/...    the blobs that its jobs refer to and its projects own
#pragma once

#include <cstdint>
#include <string>
#include <vector>

#include "absl/status/status.h"
#include "absl/status/statusor.h"
#include "absl/time/time.h"

namespace joinery::server {

struct CopyReport {
  int64_t blobs = 0;
  int64_t bytes = 0;
  // Of the above, those that share their bytes on the disk with the original.
  int64_t linked = 0;
  // Blobs that jobs refer to and that are not there.
  std::vector<std::string> missing;
};

// Makes a backup of the data folder, also while a server works in it: first the database, at one moment, then its
// blobs, none of which is removed meanwhile. Blobs never change, so they are linked where `destination` is on the same
// file system, else copied. `now` goes into backup.json.
// Errors: kFailedPrecondition `destination` is not empty · no room · those of the system calls.
absl::StatusOr<CopyReport> Backup(const std::string& folder, const std::string& destination, absl::Time now);

// Makes a data folder of a backup; every blob's digest is checked on the way. `folder` shows once it is whole; its
// audit log says that it was restored, at `now`.
// Errors: kFailedPrecondition `folder` is not empty, or `source` is no whole backup · kDataLoss a blob of the backup is
// damaged · no room · those of the system calls.
absl::StatusOr<CopyReport> Restore(const std::string& source, const std::string& folder, absl::Time now);

}  // namespace joinery::server
