#include "storage/local/blob_store.h"

#include <fcntl.h>
#include <sys/stat.h>
#include <unistd.h>

#include <algorithm>
#include <cerrno>
#include <filesystem>
#include <system_error>
#include <utility>

#include "absl/strings/str_cat.h"
#include "base/digest.h"
#include "base/file.h"
#include "base/status.h"
#include "storage/local/blob_writer.h"

namespace joinery::storage {
namespace {

class LocalBlobReader : public BlobReader {
 public:
  LocalBlobReader(base::UniqueFd fd, int64_t size, std::string path)
      : fd_(std::move(fd)), size_(size), path_(std::move(path)) {}

  int64_t size() const override { return size_; }

  absl::StatusOr<std::string> Read(int64_t offset, int64_t max_bytes) const override {
    std::string bytes(static_cast<size_t>(std::clamp<int64_t>(size_ - offset, 0, max_bytes)), '\0');
    size_t filled = 0;
    while (filled < bytes.size()) {
      const ssize_t count =
          pread(fd_.get(), bytes.data() + filled, bytes.size() - filled, offset + static_cast<int64_t>(filled));
      if (count < 0 && errno == EINTR) continue;
      if (count < 0) return base::ErrnoStatus(errno, absl::StrCat("cannot read ", path_));
      if (count == 0) return absl::DataLossError(absl::StrCat(path_, " became shorter than ", size_, " bytes"));
      filled += static_cast<size_t>(count);
    }
    return bytes;
  }

 private:
  const base::UniqueFd fd_;
  const int64_t size_;
  const std::string path_;
};

absl::Status CheckDigest(const std::string& digest) {
  if (base::IsDigest(digest)) return absl::OkStatus();
  return absl::InvalidArgumentError("a digest is 64 lower-case hexadecimal digits");
}

absl::StatusOr<std::optional<int64_t>> SizeOfFile(const std::string& path) {
  struct stat result;
  if (stat(path.c_str(), &result) == 0) return result.st_size;
  if (errno == ENOENT || errno == ENOTDIR) return std::nullopt;
  return base::ErrnoStatus(errno, absl::StrCat("cannot look for ", path));
}

absl::Status EmptyFolder(const std::string& folder) {
  std::error_code error;
  for (std::filesystem::directory_iterator entry(folder, error), end; !error && entry != end; entry.increment(error)) {
    std::filesystem::remove_all(entry->path(), error);
    if (error) break;
  }
  if (error) return base::ErrnoStatus(error.value(), absl::StrCat("cannot clean up ", folder));
  return absl::OkStatus();
}

absl::StatusOr<BlobStatistics> CountBlobs(const std::string& folder) {
  BlobStatistics statistics;
  std::error_code error;
  for (std::filesystem::recursive_directory_iterator entry(folder, error), end; !error && entry != end;
       entry.increment(error)) {
    if (!entry->is_regular_file(error)) continue;
    statistics.bytes += static_cast<int64_t>(entry->file_size(error));
    ++statistics.count;
  }
  if (error) return base::ErrnoStatus(error.value(), absl::StrCat("cannot list ", folder));
  return statistics;
}

}  // namespace

LocalBlobStore::LocalBlobStore(const std::string& folder, FileSystem& file_system)
    : blobs_(folder + "/blobs"), incoming_(folder + "/incoming"), file_system_(file_system) {}

absl::StatusOr<std::unique_ptr<LocalBlobStore>> LocalBlobStore::Open(const std::string& folder,
                                                                     FileSystem& file_system) {
  auto store = std::unique_ptr<LocalBlobStore>(new LocalBlobStore(folder, file_system));
  for (const std::string& made : {folder, store->blobs_, store->incoming_}) {
    RETURN_IF_ERROR(file_system.MakeFolder(made));
  }
  RETURN_IF_ERROR(file_system.SyncFolder(folder));
  RETURN_IF_ERROR(EmptyFolder(store->incoming_));
  return store;
}

std::string LocalBlobStore::ShardFolder(const std::string& digest) const {
  return absl::StrCat(blobs_, "/", digest.substr(0, 2));
}

std::string LocalBlobStore::BlobPath(const std::string& digest) const {
  return absl::StrCat(ShardFolder(digest), "/", digest);
}

absl::StatusOr<std::optional<int64_t>> LocalBlobStore::Find(const std::string& digest) {
  RETURN_IF_ERROR(CheckDigest(digest));
  const absl::ReaderMutexLock lock(&mutex_);
  return SizeOfFile(BlobPath(digest));
}

absl::StatusOr<std::unique_ptr<BlobWriter>> LocalBlobStore::StartWrite() {
  return LocalBlobWriter::Create(*this, absl::StrCat(incoming_, "/upload-", next_upload_.fetch_add(1)));
}

absl::StatusOr<std::unique_ptr<BlobReader>> LocalBlobStore::Open(const std::string& digest) {
  RETURN_IF_ERROR(CheckDigest(digest));
  const absl::ReaderMutexLock lock(&mutex_);
  const std::string path = BlobPath(digest);
  ASSIGN_OR_RETURN(const std::optional<int64_t> size, SizeOfFile(path));
  if (!size.has_value()) return absl::NotFoundError(absl::StrCat("there is no blob ", digest));
  ASSIGN_OR_RETURN(base::UniqueFd fd, base::OpenFile(path, O_RDONLY));
  return std::make_unique<LocalBlobReader>(std::move(fd), *size, path);
}

absl::StatusOr<BlobStatistics> LocalBlobStore::GetStatistics() {
  const absl::MutexLock lock(&mutex_);
  if (!statistics_.has_value()) {
    ASSIGN_OR_RETURN(statistics_, CountBlobs(blobs_));
  }
  return *statistics_;
}

absl::StatusOr<int64_t> LocalBlobStore::FreeBytes() { return file_system_.FreeBytes(incoming_); }

absl::Status LocalBlobStore::Publish(const std::string& temporary, const std::string& digest, int64_t size) {
  const absl::MutexLock lock(&mutex_);
  ASSIGN_OR_RETURN(const std::optional<int64_t> old_size, SizeOfFile(BlobPath(digest)));
  if (old_size == size) {
    // An earlier process may have been killed between its rename and its sync.
    RETURN_IF_ERROR(file_system_.SyncFolder(ShardFolder(digest)));
    unlink(temporary.c_str());
    return absl::OkStatus();
  }
  // A file of another size is a damaged blob: the good bytes replace it.
  RETURN_IF_ERROR(RenameDurably(temporary, digest));
  if (statistics_.has_value()) {
    statistics_->count += old_size.has_value() ? 0 : 1;
    statistics_->bytes += size - old_size.value_or(0);
  }
  return absl::OkStatus();
}

absl::Status LocalBlobStore::RenameDurably(const std::string& temporary, const std::string& digest) {
  RETURN_IF_ERROR(file_system_.MakeFolder(ShardFolder(digest)));
  RETURN_IF_ERROR(file_system_.SyncFolder(blobs_));
  RETURN_IF_ERROR(file_system_.Rename(temporary, BlobPath(digest)));
  absl::Status status = file_system_.SyncFolder(ShardFolder(digest));
  if (!status.ok()) {
    unlink(BlobPath(digest).c_str());
    statistics_.reset();
  }
  return status;
}

}  // namespace joinery::storage
