#include "server/maintenance/backup.h"

#include <fcntl.h>
#include <sys/stat.h>
#include <unistd.h>

#include <cerrno>
#include <cstdio>
#include <filesystem>
#include <map>
#include <system_error>

#include "absl/strings/str_cat.h"
#include "absl/strings/str_replace.h"
#include "base/digest.h"
#include "base/file.h"
#include "base/status.h"
#include "base/version.h"
#include "server/maintenance/housekeeping_lock.h"
#include "server/maintenance/stored_data.h"
#include "storage/sqlite/blob_references.h"

namespace joinery::server {
namespace {

constexpr char kMark[] = "/backup.json";
constexpr char kDatabase[] = "/joinery.db";

std::string BlobPath(const std::string& folder, const std::string& digest) {
  return absl::StrCat(folder, "/blobs/", digest.substr(0, 2), "/", digest);
}

absl::Status MakeEmptyFolder(const std::string& folder) {
  std::error_code error;
  std::filesystem::create_directories(folder, error);
  if (!error && !std::filesystem::is_empty(folder, error) && !error) {
    return absl::FailedPreconditionError(absl::StrCat(folder, " is not empty; nothing was changed"));
  }
  if (!error) std::filesystem::permissions(folder, std::filesystem::perms::owner_all, error);
  if (error) return base::ErrnoStatus(error.value(), absl::StrCat("cannot make the folder ", folder));
  return absl::OkStatus();
}

absl::Status SyncFile(const std::string& path) {
  ASSIGN_OR_RETURN(const base::UniqueFd fd, base::OpenFile(path, O_RDONLY));
  if (fsync(fd.get()) != 0) return base::ErrnoStatus(errno, absl::StrCat("cannot sync ", path));
  return absl::OkStatus();
}

// As one moment has it, whoever writes to it.
absl::Status CopyDatabase(const std::string& from_folder, const std::string& to_folder) {
  ASSIGN_OR_RETURN(const auto database, OpenDatabase(from_folder));
  const std::string path = to_folder + kDatabase;
  RETURN_IF_ERROR(database->Execute(absl::StrCat("VACUUM INTO '", absl::StrReplaceAll(path, {{"'", "''"}}), "'")));
  return SyncFile(path);
}

// Answers with the digest of what was copied.
absl::StatusOr<std::string> CopyFile(const std::string& from, const std::string& to) {
  ASSIGN_OR_RETURN(const base::UniqueFd out, base::OpenFile(to, O_CREAT | O_EXCL | O_WRONLY, 0600));
  base::Sha256Hasher hasher;
  RETURN_IF_ERROR(base::ReadFileInPieces(from, [&](absl::string_view piece) {
    hasher.Update(piece);
    return base::WriteAll(out.get(), piece, to);
  }));
  if (fsync(out.get()) != 0) return base::ErrnoStatus(errno, absl::StrCat("cannot sync ", to));
  return hasher.Finish();
}

absl::Status CopyBlob(const std::string& from, const std::string& to, const std::string& digest) {
  ASSIGN_OR_RETURN(const std::string actual, CopyFile(from, to));
  if (actual == digest) return absl::OkStatus();
  return absl::DataLossError(absl::StrCat(from, " is damaged: its bytes have another digest than its name"));
}

// Whether the file could be linked; it cannot to another file system, or one that knows no links.
absl::StatusOr<bool> LinkBlob(const std::string& from, const std::string& to) {
  if (link(from.c_str(), to.c_str()) == 0) return true;
  if (errno == EXDEV || errno == EPERM || errno == EMLINK || errno == EOPNOTSUPP) return false;
  return base::ErrnoStatus(errno, absl::StrCat("cannot link to ", to));
}

// The digests that the database names, and whether a job needs them.
absl::StatusOr<std::map<std::string, bool>> BlobsOf(const std::string& folder) {
  ASSIGN_OR_RETURN(const auto database, OpenDatabase(folder));
  std::map<std::string, bool> needed;
  RETURN_IF_ERROR(storage::ForEachOwner(*database, [&](const std::string& /*project*/, const storage::OwnedBlob& blob) {
    needed.emplace(blob.digest, false);
    return absl::OkStatus();
  }));
  RETURN_IF_ERROR(storage::ForEachReference(*database, [&](const storage::BlobReference& reference) {
    needed[reference.blob.digest()] = true;
    return absl::OkStatus();
  }));
  return needed;
}

// The blobs that the database in `to` names, from one folder to another.
absl::StatusOr<CopyReport> CopyBlobs(const std::string& from, const std::string& to, bool may_link) {
  CopyReport report;
  ASSIGN_OR_RETURN(const auto needed, BlobsOf(to));
  std::error_code error;
  std::filesystem::create_directory(to + "/blobs", error);
  std::string shard;
  for (const auto& [digest, needed_by_job] : needed) {
    struct stat status {};
    if (!base::IsDigest(digest) || stat(BlobPath(from, digest).c_str(), &status) != 0) {
      if (needed_by_job) report.missing.push_back(digest);
      continue;
    }
    if (const std::string next = std::filesystem::path(BlobPath(to, digest)).parent_path(); next != shard) {
      if (!shard.empty()) RETURN_IF_ERROR(base::SyncFolder(shard));
      shard = next;
      std::filesystem::create_directory(shard, error);
      if (error) return base::ErrnoStatus(error.value(), absl::StrCat("cannot make the folder ", shard));
    }
    bool linked = false;
    if (may_link) {
      ASSIGN_OR_RETURN(linked, LinkBlob(BlobPath(from, digest), BlobPath(to, digest)));
    }
    if (!linked) RETURN_IF_ERROR(CopyBlob(BlobPath(from, digest), BlobPath(to, digest), digest));
    ++report.blobs;
    report.linked += linked ? 1 : 0;
    report.bytes += status.st_size;
  }
  if (!shard.empty()) RETURN_IF_ERROR(base::SyncFolder(shard));
  RETURN_IF_ERROR(base::SyncFolder(to + "/blobs"));
  return report;
}

}  // namespace

absl::StatusOr<CopyReport> Backup(const std::string& folder, const std::string& destination, absl::Time now) {
  RETURN_IF_ERROR(MakeEmptyFolder(destination));
  ASSIGN_OR_RETURN(const base::UniqueFd lock, LockToKeepBlobs(folder));
  RETURN_IF_ERROR(CopyDatabase(folder, destination));
  ASSIGN_OR_RETURN(const CopyReport report, CopyBlobs(folder, destination, /*may_link=*/true));
  const std::string mark = absl::StrCat("{\"version\": \"", base::kVersion, "\", \"created_at\": \"",
                                        absl::FormatTime(absl::RFC3339_sec, now, absl::UTCTimeZone()),
                                        "\", \"blobs\": ", report.blobs, ", \"bytes\": ", report.bytes, "}\n");
  RETURN_IF_ERROR(base::WriteFileAtomically(destination + kMark, mark));
  return report;
}

absl::StatusOr<CopyReport> Restore(const std::string& source, const std::string& folder, absl::Time now) {
  if (::access((source + kMark).c_str(), F_OK) != 0) {
    return absl::FailedPreconditionError(
        absl::StrCat(source, " has no backup.json: it is no backup, or one that was broken off"));
  }
  RETURN_IF_ERROR(MakeEmptyFolder(folder));
  const std::string temporary = folder + ".restoring";
  RETURN_IF_ERROR(MakeEmptyFolder(temporary));
  RETURN_IF_ERROR(CopyFile(source + kDatabase, temporary + kDatabase).status());
  ASSIGN_OR_RETURN(const CopyReport report, CopyBlobs(source, temporary, /*may_link=*/false));
  RETURN_IF_ERROR(AuditAtConsole(temporary, "data.restore", source,
                                 absl::StrCat("blobs=", report.blobs, " missing=", report.missing.size()), now));
  RETURN_IF_ERROR(SyncFile(temporary + kDatabase));
  // Over the empty folder.
  if (rename(temporary.c_str(), folder.c_str()) != 0) {
    return base::ErrnoStatus(errno, absl::StrCat("cannot rename ", temporary, " to ", folder));
  }
  RETURN_IF_ERROR(base::SyncFolder(std::filesystem::absolute(folder).parent_path()));
  return report;
}

}  // namespace joinery::server
