// Which blobs the jobs of a database need. For housekeeping: these functions read whole tables of whatever schema the
// database has, and hold nothing up meanwhile.
#pragma once

#include <functional>
#include <string>

#include "absl/status/status.h"
#include "joinery/v1/blobs.pb.h"
#include "storage/blob_owners.h"
#include "storage/sqlite/database.h"

namespace joinery::storage {

struct BlobReference {
  std::string job_id;
  // For people: "spec.build.model".
  std::string field;
  v1::BlobRef blob;
};

// Every blob that a job was given or made; stops at the first error of `take` and returns it.
// Errors: kDataLoss a row cannot be read.
absl::Status ForEachReference(Database& database, const std::function<absl::Status(const BlobReference&)>& take);

// Every owner of a blob; none in a database that is older than owners are.
absl::Status ForEachOwner(Database& database,
                          const std::function<absl::Status(const std::string& project, const OwnedBlob&)>& take);

// What SQLite's own check and that of the references between tables find; nothing if all is well.
absl::StatusOr<std::vector<std::string>> CheckIntegrity(Database& database);

}  // namespace joinery::storage
