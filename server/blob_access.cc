#include "server/blob_access.h"

#include "absl/strings/str_cat.h"
#include "base/status.h"

namespace joinery::server {

absl::StatusOr<std::optional<int64_t>> BlobAccess::Use(const std::string& project, const std::string& digest) {
  const absl::ReaderMutexLock lock(&removal_);
  ASSIGN_OR_RETURN(const bool owned, owners_.Has(project, digest));
  if (!owned) return std::nullopt;
  return blobs_.Touch(digest);
}

absl::StatusOr<std::optional<int64_t>> BlobAccess::UseBy(const access::Caller& caller, const std::string& digest) {
  return caller.may_submit ? Use(caller.project, digest) : UseAny(digest);
}

absl::StatusOr<std::unique_ptr<storage::BlobReader>> BlobAccess::Open(const access::Caller& caller,
                                                                      const std::string& digest) {
  const absl::ReaderMutexLock lock(&removal_);
  if (!caller.may_work) {
    ASSIGN_OR_RETURN(const bool owned, owners_.Has(caller.project, digest));
    if (!owned) return absl::NotFoundError(absl::StrCat("there is no blob ", digest));
  }
  return blobs_.Open(digest);
}

absl::Status BlobAccess::Grant(const storage::Actor& by, absl::Span<const v1::BlobRef> blobs) {
  const absl::ReaderMutexLock lock(&removal_);
  std::vector<storage::OwnedBlob> owned;
  owned.reserve(blobs.size());
  for (const v1::BlobRef& blob : blobs) owned.push_back({.digest = blob.digest(), .size = blob.size()});
  return owners_.Add(by, owned);
}

absl::Status BlobAccess::Publish(storage::BlobWriter& writer, const access::Caller& caller, const v1::BlobRef& blob) {
  // In use from now on, so that Remove leaves it. It takes long to wait for the disk, and others need the mutex.
  RETURN_IF_ERROR(writer.Commit(blob.size()));
  return caller.may_submit ? Grant(access::ActorOf(caller), {&blob, 1}) : absl::OkStatus();
}

absl::StatusOr<std::vector<storage::OwnedBlob>> BlobAccess::Remove(absl::Span<const storage::OwnedBlob> blobs,
                                                                   absl::Time unused_since) {
  const absl::MutexLock lock(&removal_);
  std::vector<storage::OwnedBlob> removed;
  std::vector<std::string> digests;
  for (const storage::OwnedBlob& blob : blobs) {
    ASSIGN_OR_RETURN(const bool gone, blobs_.RemoveIfUnusedSince(blob.digest, unused_since));
    if (!gone) continue;
    removed.push_back(blob);
    digests.push_back(blob.digest);
  }
  // A crash before this leaves owners of a blob that is missing, which upload it again.
  if (!digests.empty()) RETURN_IF_ERROR(owners_.Remove(storage::ServerActor(), digests));
  return removed;
}

}  // namespace joinery::server
