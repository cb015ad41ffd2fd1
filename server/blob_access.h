// Who may use which blob. A project may use what it uploaded, since it has proved to have the bytes, and what its jobs
// made; for others a blob is as good as missing, so that knowing a digest gives nothing away.
#pragma once

#include <cstdint>
#include <memory>
#include <optional>
#include <string>
#include <vector>

#include "absl/status/status.h"
#include "absl/status/statusor.h"
#include "absl/synchronization/mutex.h"
#include "absl/time/time.h"
#include "absl/types/span.h"
#include "joinery/v1/blobs.pb.h"
#include "server/access/caller.h"
#include "storage/audit_log.h"
#include "storage/blob_owners.h"
#include "storage/blob_store.h"

namespace joinery::server {

// Thread-safe. What was used is safe from Remove for a while: whoever makes a job asks here for its blobs first.
class BlobAccess {
 public:
  // Both must outlive this object.
  BlobAccess(storage::BlobStore& blobs, storage::BlobOwners& owners) : blobs_(blobs), owners_(owners) {}

  // The blob's size if it is there and the project may use it, else nullopt. It is in use now.
  absl::StatusOr<std::optional<int64_t>> Use(const std::string& project, const std::string& digest);

  // As Use, whoever may use it: for the results of workers.
  absl::StatusOr<std::optional<int64_t>> UseAny(const std::string& digest) { return blobs_.Touch(digest); }

  // As Use for who asks, uploads or makes jobs; whoever may only work uses what any project has.
  absl::StatusOr<std::optional<int64_t>> UseBy(const access::Caller& caller, const std::string& digest);

  // To be read: by its project, and by all who work. Errors: kNotFound there is none for them.
  absl::StatusOr<std::unique_ptr<storage::BlobReader>> Open(const access::Caller& caller, const std::string& digest);

  // Lets the project of `by` use these, durably.
  absl::Status Grant(const storage::Actor& by, absl::Span<const v1::BlobRef> blobs);

  // Commits an upload and, if `caller` may submit, gives its project the blob. Errors: those of BlobWriter::Commit.
  absl::Status Publish(storage::BlobWriter& writer, const access::Caller& caller, const v1::BlobRef& blob);

  // Removes those of `digests` that were not in use at or after `unused_since`; answers with those.
  absl::StatusOr<std::vector<storage::OwnedBlob>> Remove(absl::Span<const storage::OwnedBlob> blobs,
                                                         absl::Time unused_since);

 private:
  storage::BlobStore& blobs_;
  storage::BlobOwners& owners_;
  // Held for writing while blobs and their owners go, so that none gets an owner in between.
  absl::Mutex removal_;
};

}  // namespace joinery::server
