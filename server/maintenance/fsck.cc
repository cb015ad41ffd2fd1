#include "server/maintenance/fsck.h"

#include <memory>
#include <optional>
#include <unordered_map>

#include "absl/strings/str_cat.h"
#include "base/clock.h"
#include "base/status.h"
#include "server/maintenance/housekeeping_lock.h"
#include "server/maintenance/stored_data.h"
#include "storage/blob_digest.h"
#include "storage/local/blob_store.h"
#include "storage/sqlite/blob_references.h"

namespace joinery::server {
namespace {

absl::StatusOr<std::string> DigestOf(storage::BlobStore& blobs, const std::string& digest) {
  ASSIGN_OR_RETURN(const std::unique_ptr<storage::BlobReader> blob, blobs.Open(digest));
  return storage::DigestOf(*blob);
}

class Check {
 public:
  Check(storage::BlobStore& blobs, const FsckOptions& options) : blobs_(blobs), options_(options) {}

  absl::Status CheckDatabase(storage::Database& database) {
    ASSIGN_OR_RETURN(const std::vector<std::string> problems, storage::CheckIntegrity(database));
    for (const std::string& problem : problems) Add("database", database.path(), problem);
    return absl::OkStatus();
  }

  absl::Status CheckBlobs() {
    return blobs_.ForEach([this](const storage::StoredBlob& blob) {
      ++report_.blobs;
      report_.bytes += blob.size;
      sizes_[blob.digest] = blob.size;
      const absl::StatusOr<std::string> digest = DigestOf(blobs_, blob.digest);
      if (!digest.ok()) {
        Add("unreadable_blob", blob.digest, std::string(digest.status().message()));
      } else if (*digest != blob.digest) {
        Add(kDamagedBlob, blob.digest, absl::StrCat("its bytes have the digest ", *digest));
        if (options_.quarantine) return blobs_.Quarantine(blob.digest);
      }
      return absl::OkStatus();
    });
  }

  absl::Status CheckReferences(storage::Database& database) {
    RETURN_IF_ERROR(storage::ForEachReference(database, [this](const storage::BlobReference& reference) {
      ++report_.references;
      const std::string what = absl::StrCat(reference.field, " is blob ", reference.blob.digest());
      return CheckOne(reference.job_id, what, reference.blob.digest(), reference.blob.size(), /*must_exist=*/true);
    }));
    // An owner may wait for its blob to be uploaded again.
    return storage::ForEachOwner(database, [this](const std::string& project, const storage::OwnedBlob& blob) {
      ++report_.owners;
      return CheckOne(blob.digest, absl::StrCat("project ", project, " owns it"), blob.digest, blob.size,
                      /*must_exist=*/false);
    });
  }

  FsckReport TakeReport() { return std::move(report_); }

 private:
  void Add(const std::string& kind, const std::string& subject, const std::string& message) {
    report_.problems.push_back({.kind = kind, .subject = subject, .message = message});
  }

  absl::Status CheckOne(const std::string& subject, const std::string& what, const std::string& digest, int64_t size,
                        bool must_exist) {
    // Not only those that were listed: a running server takes in more.
    const auto listed = sizes_.find(digest);
    std::optional<int64_t> actual;
    if (listed != sizes_.end()) {
      actual = listed->second;
    } else {
      ASSIGN_OR_RETURN(actual, blobs_.Find(digest));
    }
    if (!actual.has_value()) {
      if (must_exist) Add("missing_blob", subject, absl::StrCat(what, ", which is not there"));
    } else if (*actual != size) {
      Add("wrong_size", subject, absl::StrCat(what, " of ", size, " bytes, it has ", *actual));
    }
    return absl::OkStatus();
  }

  storage::BlobStore& blobs_;
  const FsckOptions options_;
  FsckReport report_;
  std::unordered_map<std::string, int64_t> sizes_;
};

}  // namespace

absl::StatusOr<FsckReport> CheckDataFolder(const std::string& folder, const FsckOptions& options) {
  ASSIGN_OR_RETURN(const auto database, OpenDatabase(folder));
  ASSIGN_OR_RETURN(const base::UniqueFd lock, LockToKeepBlobs(folder));
  storage::RealFileSystem file_system;
  const base::RealClock clock;
  const auto blobs = storage::LocalBlobStore::Inspect(folder, file_system, clock);
  Check check(*blobs, options);
  RETURN_IF_ERROR(check.CheckDatabase(*database));
  RETURN_IF_ERROR(check.CheckBlobs());
  RETURN_IF_ERROR(check.CheckReferences(*database));
  return check.TakeReport();
}

}  // namespace joinery::server
