#include "storage/sqlite/blob_owners.h"

#include <utility>

#include "base/status.h"
#include "storage/sqlite/schema.h"
#include "storage/sqlite/statements.h"

namespace joinery::storage {
namespace {

constexpr char kAdoptBlobs[] = "adopt_blobs";

}  // namespace

absl::StatusOr<std::unique_ptr<SqliteBlobOwners>> SqliteBlobOwners::Open(const std::string& path,
                                                                         const std::string& vfs) {
  auto owners = std::unique_ptr<SqliteBlobOwners>(new SqliteBlobOwners());
  const absl::MutexLock write_lock(&owners->write_mutex_);
  const absl::MutexLock read_lock(&owners->read_mutex_);
  ASSIGN_OR_RETURN(owners->writer_, Database::Open(path, Durability::kPowerLoss, vfs));
  RETURN_IF_ERROR(MigrateSchema(*owners->writer_));
  ASSIGN_OR_RETURN(owners->reader_, Database::Open(path, Durability::kProcessCrash, vfs));
  RETURN_IF_ERROR(owners->reader_->Execute("PRAGMA query_only = ON"));
  return owners;
}

absl::StatusOr<bool> SqliteBlobOwners::Has(const std::string& project, const std::string& digest) {
  const absl::MutexLock lock(&read_mutex_);
  ASSIGN_OR_RETURN(const auto row, reader_->Prepare(statements::kFindBlobOwner));
  return row->BindText(":project", project).BindText(":digest", digest).Step();
}

absl::Status SqliteBlobOwners::Insert(const std::string& project, absl::Span<const OwnedBlob> blobs) {
  for (const OwnedBlob& blob : blobs) {
    ASSIGN_OR_RETURN(const auto statement, writer_->Prepare(statements::kAddBlobOwner));
    RETURN_IF_ERROR(statement->BindText(":project", project)
                        .BindText(":digest", blob.digest)
                        .BindInteger(":size", blob.size)
                        .Run());
  }
  return absl::OkStatus();
}

absl::Status SqliteBlobOwners::Add(const std::string& project, absl::Span<const OwnedBlob> blobs) {
  const absl::MutexLock lock(&write_mutex_);
  return InTransaction(*writer_, [&]() ABSL_EXCLUSIVE_LOCKS_REQUIRED(write_mutex_) { return Insert(project, blobs); });
}

absl::Status SqliteBlobOwners::Remove(absl::Span<const std::string> digests) {
  const absl::MutexLock lock(&write_mutex_);
  return InTransaction(*writer_, [&]() ABSL_EXCLUSIVE_LOCKS_REQUIRED(write_mutex_) -> absl::Status {
    for (const std::string& digest : digests) {
      ASSIGN_OR_RETURN(const auto statement, writer_->Prepare(statements::kRemoveBlobOwners));
      RETURN_IF_ERROR(statement->BindText(":digest", digest).Run());
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
  const absl::MutexLock lock(&write_mutex_);
  return InTransaction(*writer_, [&]() ABSL_EXCLUSIVE_LOCKS_REQUIRED(write_mutex_) -> absl::Status {
    ASSIGN_OR_RETURN(const auto pending, writer_->Prepare(statements::kFindPendingWork));
    ASSIGN_OR_RETURN(const bool found, pending->BindText(":name", kAdoptBlobs).Step());
    if (!found) return absl::OkStatus();
    ASSIGN_OR_RETURN(const std::vector<OwnedBlob> blobs, list());
    RETURN_IF_ERROR(Insert(project, blobs));
    ASSIGN_OR_RETURN(const auto end, writer_->Prepare(statements::kEndPendingWork));
    return end->BindText(":name", kAdoptBlobs).Run();
  });
}

}  // namespace joinery::storage
