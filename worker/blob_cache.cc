#include "worker/blob_cache.h"

#include <fcntl.h>
#include <sys/file.h>
#include <sys/stat.h>
#include <unistd.h>

#include <algorithm>
#include <cerrno>
#include <filesystem>
#include <optional>
#include <system_error>
#include <tuple>
#include <vector>

#include "absl/strings/str_cat.h"
#include "absl/strings/strip.h"
#include "base/digest.h"
#include "base/status.h"
#include "base/wait.h"

namespace joinery::worker {
namespace {

constexpr char kPartSuffix[] = ".part";
constexpr absl::Duration kLockPoll = absl::Milliseconds(20);

absl::Status Lock(int fd, int operation, const std::string& path) {
  while (flock(fd, operation) != 0) {
    if (errno != EINTR) return base::ErrnoStatus(errno, absl::StrCat("cannot lock ", path));
  }
  return absl::OkStatus();
}

absl::StatusOr<struct stat> Stat(int fd, const std::string& path) {
  struct stat status {};
  if (fstat(fd, &status) != 0) return base::ErrnoStatus(errno, absl::StrCat("cannot look at ", path));
  return status;
}

// The blob if it is there, locked against eviction, or nullopt.
absl::StatusOr<std::optional<base::UniqueFd>> OpenWhole(const std::string& path, int64_t size) {
  absl::StatusOr<base::UniqueFd> fd = base::OpenFile(path, O_RDONLY | O_NOFOLLOW);
  if (absl::IsNotFound(fd.status())) return std::nullopt;
  RETURN_IF_ERROR(fd.status());
  RETURN_IF_ERROR(Lock(fd->get(), LOCK_SH, path));
  ASSIGN_OR_RETURN(const struct stat status, Stat(fd->get(), path));
  if (status.st_nlink == 0) return std::nullopt;  // Evicted before the lock was ours.
  if (status.st_size != size) {
    unlink(path.c_str());
    return std::nullopt;
  }
  futimens(fd->get(), nullptr);  // Used now.
  return std::optional<base::UniqueFd>(*std::move(fd));
}

// The blob's part file, exclusively locked, or nullopt while somebody else has it.
absl::StatusOr<std::optional<base::UniqueFd>> OpenPart(const std::string& path) {
  ASSIGN_OR_RETURN(base::UniqueFd fd, base::OpenFile(path, O_RDWR | O_CREAT | O_NOFOLLOW, 0600));
  if (flock(fd.get(), LOCK_EX | LOCK_NB) != 0) return std::nullopt;
  // Whoever had it before may have finished or removed it.
  struct stat named {};
  ASSIGN_OR_RETURN(const struct stat opened, Stat(fd.get(), path));
  if (stat(path.c_str(), &named) != 0 || named.st_ino != opened.st_ino) return std::nullopt;
  return std::optional<base::UniqueFd>(std::move(fd));
}

struct Entry {
  std::string path;
  int64_t size;
  timespec used;
};

std::vector<Entry> ListEntries(const std::string& folder) {
  std::vector<Entry> entries;
  std::error_code error;
  for (std::filesystem::directory_iterator entry(folder, error), end; !error && entry != end; entry.increment(error)) {
    const std::string name = entry->path().filename();
    struct stat status {};
    if (!base::IsDigest(absl::StripSuffix(name, kPartSuffix))) continue;
    if (lstat(entry->path().c_str(), &status) != 0 || !S_ISREG(status.st_mode)) continue;
    entries.push_back({entry->path(), status.st_size, status.st_mtim});
  }
  std::sort(entries.begin(), entries.end(), [](const Entry& a, const Entry& b) {
    return std::tie(a.used.tv_sec, a.used.tv_nsec, a.path) < std::tie(b.used.tv_sec, b.used.tv_nsec, b.path);
  });
  return entries;
}

// Whether it could be removed: it cannot while anybody uses it.
bool Evict(const std::string& path) {
  const absl::StatusOr<base::UniqueFd> fd = base::OpenFile(path, O_RDONLY | O_NOFOLLOW);
  return fd.ok() && flock(fd->get(), LOCK_EX | LOCK_NB) == 0 && unlink(path.c_str()) == 0;
}

// Evicts until the folder holds at most `max_bytes`, or nothing more can go.
void Shrink(const std::string& folder, int64_t max_bytes) {
  const std::vector<Entry> entries = ListEntries(folder);
  int64_t total = 0;
  for (const Entry& entry : entries) total += entry.size;
  for (const Entry& entry : entries) {
    if (total <= max_bytes) return;
    if (Evict(entry.path)) total -= entry.size;
  }
}

// Fetches what is missing of `blob` into its part file and checks the whole.
absl::Status FillPart(int fd, const std::string& path, const v1::BlobRef& blob, BlobSource& source) {
  base::Sha256Hasher hasher;
  int64_t size = 0;
  RETURN_IF_ERROR(base::ReadFileInPieces(path, [&](absl::string_view piece) {
    hasher.Update(piece);
    size += static_cast<int64_t>(piece.size());
    return absl::OkStatus();
  }));
  if (lseek(fd, size, SEEK_SET) < 0) return base::ErrnoStatus(errno, absl::StrCat("cannot write to ", path));
  absl::Status read;
  if (size < blob.size()) {
    read = source.Read(blob, size, [&](absl::string_view piece) {
      size += static_cast<int64_t>(piece.size());
      if (size > blob.size()) return absl::DataLossError("more bytes came than the blob has");
      hasher.Update(piece);
      return base::WriteAll(fd, piece, path);
    });
    if (read.ok() && size < blob.size()) read = absl::UnavailableError("the download ended early");
  }
  if (read.ok() && (size != blob.size() || hasher.Finish() != blob.digest())) {
    read = absl::DataLossError("what was fetched does not have the digest it should have");
  }
  // Bytes that cannot be right are not what the next attempt should go on from.
  if (absl::IsDataLoss(read)) unlink(path.c_str());
  return base::Annotate(read, absl::StrCat("blob ", blob.digest()));
}

absl::Status Publish(int fd, const std::string& part, const std::string& whole) {
  if (fchmod(fd, 0444) != 0 || fsync(fd) != 0) return base::ErrnoStatus(errno, absl::StrCat("cannot sync ", part));
  if (rename(part.c_str(), whole.c_str()) != 0) {
    return base::ErrnoStatus(errno, absl::StrCat("cannot rename ", part));
  }
  return absl::OkStatus();
}

}  // namespace

absl::StatusOr<BlobCache> BlobCache::Open(const std::string& folder, int64_t max_bytes) {
  std::error_code error;
  std::filesystem::create_directories(folder, error);
  if (error) return base::ErrnoStatus(error.value(), absl::StrCat("cannot make the cache folder ", folder));
  if (access(folder.c_str(), R_OK | W_OK | X_OK) != 0) {
    return base::ErrnoStatus(errno, absl::StrCat("cannot use the cache folder ", folder));
  }
  Shrink(folder, max_bytes);
  return BlobCache(folder, max_bytes);
}

absl::StatusOr<CachedBlob> BlobCache::Fetch(const v1::BlobRef& blob, BlobSource& source,
                                            const std::stop_token& stop) const {
  if (!base::IsDigest(blob.digest()) || blob.size() < 0) {
    return absl::InvalidArgumentError("the server named a blob by what is no digest and size");
  }
  const std::string whole = absl::StrCat(folder_, "/", blob.digest());
  const std::string part = absl::StrCat(whole, kPartSuffix);
  for (bool fetched = false;;) {
    ASSIGN_OR_RETURN(std::optional<base::UniqueFd> lock, OpenWhole(whole, blob.size()));
    if (lock.has_value()) return CachedBlob(whole, *std::move(lock), !fetched);
    ASSIGN_OR_RETURN(const std::optional<base::UniqueFd> writer, OpenPart(part));
    if (!writer.has_value()) {
      if (base::WaitOrStop(stop, kLockPoll))
        return absl::CancelledError("stopped while another worker fetches the blob");
      continue;
    }
    // Between the two looks above another worker may have finished it; then this part file is a new, empty one.
    if (access(whole.c_str(), F_OK) == 0) {
      unlink(part.c_str());
      continue;
    }
    ASSIGN_OR_RETURN(const struct stat status, Stat(writer->get(), part));
    Shrink(folder_, max_bytes_ - std::max<int64_t>(blob.size() - status.st_size, 0));
    RETURN_IF_ERROR(FillPart(writer->get(), part, blob, source));
    RETURN_IF_ERROR(Publish(writer->get(), part, whole));
    fetched = true;
  }
}

}  // namespace joinery::worker
