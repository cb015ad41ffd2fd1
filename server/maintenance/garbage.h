// Removes blobs that nobody needs any more: no job refers to them, and nobody has uploaded or asked for them lately.
#pragma once

#include <cstdint>
#include <functional>
#include <string>

#include "absl/status/status.h"
#include "absl/status/statusor.h"
#include "absl/time/time.h"
#include "server/blob_access.h"
#include "storage/blob_store.h"

namespace joinery::server {

struct GarbageReport {
  // Removed.
  int64_t blobs = 0;
  int64_t bytes = 0;
  int uploads = 0;
};

// Calls its argument with the digest of every blob that a job refers to.
using ListReferences = std::function<absl::Status(const std::function<void(const std::string& digest)>&)>;

// Removes blobs that no job refers to and that were not used at or after `unused_since`, and uploads that nobody has
// gone on with since `uploads_since`. Safe while uploads, downloads and submissions run: a job's blobs are used
// (BlobAccess) before the job is stored, so `unused_since` need only be some minutes ago. Stops at the first error;
// what was removed until then was garbage.
absl::StatusOr<GarbageReport> CollectGarbage(storage::BlobStore& blobs, BlobAccess& access,
                                             const ListReferences& list_references, absl::Time unused_since,
                                             absl::Time uploads_since);

}  // namespace joinery::server
