#include "storage/sqlite/blob_owners.h"

#include <utility>

#include "absl/strings/str_cat.h"
#include "base/status.h"
#include "storage/sqlite/audit_log.h"
#include "storage/sqlite/schema.h"
#include "storage/sqlite/statements.h"

namespace joinery::storage {
namespace {

constexpr char kAdoptBlobs[] = "adopt_blobs";

}  // namespace

absl::StatusOr<std::unique_ptr<SqliteBlobOwners>> SqliteBlobOwners::Open(const std::string& path,
                                                                         const base::Clock& clock,
                                                                         const std::string& vfs) {
  ASSIGN_OR_RETURN(auto writer, Writer::Open(path, vfs));
  return Open(path, clock, std::move(writer));
}

absl::StatusOr<std::unique_ptr<SqliteBlobOwners>> SqliteBlobOwners::Open(const std::string& path,
                                                                         const base::Clock& clock,
                                                                         std::shared_ptr<Writer> writer) {
  auto owners = std::unique_ptr<SqliteBlobOwners>(new SqliteBlobOwners(clock));
  owners->writer_ = std::move(writer);
  const absl::MutexLock lock(&owners->read_mutex_);
  ASSIGN_OR_RETURN(owners->reader_, Database::Open(path, Durability::kProcessCrash, ""));
  RETURN_IF_ERROR(owners->reader_->Execute("PRAGMA query_only = ON"));
  return owners;
}

absl::StatusOr<bool> SqliteBlobOwners::Has(const std::string& project, const std::string& digest) {
  const absl::MutexLock lock(&read_mutex_);
  ASSIGN_OR_RETURN(const auto row, reader_->Prepare(statements::kFindBlobOwner));
  return row->BindText(":project", project).BindText(":digest", digest).Step();
}

absl::StatusOr<std::vector<OwnedBlob>> AddBlobOwners(Database& database, const Actor& by,
                                                     absl::Span<const OwnedBlob> blobs) {
  std::vector<OwnedBlob> added;
  for (const OwnedBlob& blob : blobs) {
    ASSIGN_OR_RETURN(const auto row, database.Prepare(statements::kAddBlobOwner));
    row->BindText(":project", by.project).BindText(":user", by.user);
    ASSIGN_OR_RETURN(const bool is_new, row->BindText(":digest", blob.digest).BindInteger(":size", blob.size).Step());
    if (is_new) added.push_back(blob);
  }
  return added;
}

absl::Status SqliteBlobOwners::Add(const Actor& by, absl::Span<const OwnedBlob> blobs) {
  return writer_->Run(Durability::kPowerLoss, [&](Database& database) -> absl::Status {
    ASSIGN_OR_RETURN(const std::vector<OwnedBlob> added, AddBlobOwners(database, by, blobs));
    for (const OwnedBlob& blob : added) {
      RETURN_IF_ERROR(AppendAudit(database, {.time = clock_.Now(),
                                             .by = by,
                                             .action = "blob.upload",
                                             .subject = blob.digest,
                                             .details = absl::StrCat("bytes=", blob.size)}));
    }
    return absl::OkStatus();
  });
}

absl::Status SqliteBlobOwners::Remove(const Actor& by, absl::Span<const std::string> digests) {
  return writer_->Run(Durability::kPowerLoss, [&](Database& database) -> absl::Status {
    for (const std::string& digest : digests) {
      ASSIGN_OR_RETURN(const auto statement, database.Prepare(statements::kRemoveBlobOwners));
      RETURN_IF_ERROR(statement->BindText(":digest", digest).Run());
      RETURN_IF_ERROR(
          AppendAudit(database, {.time = clock_.Now(), .by = by, .action = "blob.remove", .subject = digest}));
    }
    return absl::OkStatus();
  });
}

absl::StatusOr<std::vector<ProjectUsage>> SqliteBlobOwners::ReadUsage(const std::string& project) {
  const absl::MutexLock lock(&read_mutex_);
  ASSIGN_OR_RETURN(const auto rows, reader_->Prepare(statements::kListBlobUsage));
  if (!project.empty()) rows->BindText(":project", project);
  std::vector<ProjectUsage> usage;
  while (true) {
    ASSIGN_OR_RETURN(const bool row, rows->Step());
    if (!row) return usage;
    usage.push_back(
        {.project = rows->Text("project"), .blobs = rows->Integer("blobs"), .bytes = rows->Integer("bytes")});
  }
}

absl::StatusOr<ProjectUsage> SqliteBlobOwners::UsageOf(const std::string& project) {
  ASSIGN_OR_RETURN(std::vector<ProjectUsage> usage, ReadUsage(project));
  if (usage.empty()) return ProjectUsage{.project = project, .blobs = 0, .bytes = 0};
  return std::move(usage.front());
}

absl::StatusOr<std::vector<ProjectUsage>> SqliteBlobOwners::Usage() { return ReadUsage(""); }

absl::Status SqliteBlobOwners::AdoptOnce(const std::string& project,
                                         const std::function<absl::StatusOr<std::vector<OwnedBlob>>()>& list) {
  return writer_->Run(Durability::kPowerLoss, [&](Database& database) -> absl::Status {
    ASSIGN_OR_RETURN(const auto pending, database.Prepare(statements::kFindPendingWork));
    ASSIGN_OR_RETURN(const bool found, pending->BindText(":name", kAdoptBlobs).Step());
    if (!found) return absl::OkStatus();
    ASSIGN_OR_RETURN(const std::vector<OwnedBlob> blobs, list());
    RETURN_IF_ERROR(AddBlobOwners(database, {.user = "", .project = project}, blobs).status());
    ASSIGN_OR_RETURN(const auto end, database.Prepare(statements::kEndPendingWork));
    return end->BindText(":name", kAdoptBlobs).Run();
  });
}

}  // namespace joinery::storage
