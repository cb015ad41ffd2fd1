#include "server/maintenance/garbage.h"

#include <unordered_set>
#include <vector>

#include "base/status.h"

namespace joinery::server {
namespace {

// Uploads that end wait meanwhile.
constexpr size_t kBlobsAtATime = 32;

}  // namespace

absl::StatusOr<GarbageReport> CollectGarbage(storage::BlobStore& blobs, BlobAccess& access,
                                             const ListReferences& list_references, absl::Time unused_since,
                                             absl::Time uploads_since) {
  GarbageReport report;
  ASSIGN_OR_RETURN(report.uploads, blobs.RemoveUploadsUnusedSince(uploads_since));
  std::unordered_set<std::string> referenced;
  RETURN_IF_ERROR(list_references([&](const std::string& digest) { referenced.insert(digest); }));
  std::vector<storage::OwnedBlob> batch;
  const auto remove_batch = [&]() -> absl::Status {
    ASSIGN_OR_RETURN(const std::vector<storage::OwnedBlob> removed, access.Remove(batch, unused_since));
    for (const storage::OwnedBlob& blob : removed) {
      ++report.blobs;
      report.bytes += blob.size;
    }
    batch.clear();
    return absl::OkStatus();
  };
  RETURN_IF_ERROR(blobs.ForEach([&](const storage::StoredBlob& blob) -> absl::Status {
    if (blob.used_at >= unused_since || referenced.count(blob.digest) > 0) return absl::OkStatus();
    batch.push_back({.digest = blob.digest, .size = blob.size});
    return batch.size() < kBlobsAtATime ? absl::OkStatus() : remove_batch();
  }));
  RETURN_IF_ERROR(remove_batch());
  return report;
}

}  // namespace joinery::server
