#include "storage/local/blob_store.h"

#include <sys/stat.h>
#include <unistd.h>

#include <algorithm>
#include <cerrno>
#include <filesystem>
#include <system_error>
#include <utility>

#include "absl/strings/match.h"
#include "absl/strings/str_cat.h"
#include "base/digest.h"
#include "base/file.h"
#include "base/status.h"

namespace joinery::storage {
namespace {

constexpr size_t kDigestLength = 64;
// Of the project's hash in an upload's name: enough to tell projects apart.
constexpr size_t kProjectLength = 16;

class LocalBlobReader : public BlobReader {
 public:
  LocalBlobReader(FileSystem& file_system, base::UniqueFd fd, int64_t size, std::string path)
      : file_system_(file_system), fd_(std::move(fd)), size_(size), path_(std::move(path)) {}

  int64_t size() const override { return size_; }

  absl::StatusOr<std::string> Read(int64_t offset, int64_t max_bytes) const override {
    const int64_t wanted = std::clamp<int64_t>(size_ - offset, 0, max_bytes);
    ASSIGN_OR_RETURN(std::string bytes, file_system_.Read(fd_.get(), offset, wanted, path_));
    if (static_cast<int64_t>(bytes.size()) == wanted) return bytes;
    return absl::DataLossError(absl::StrCat(path_, " became shorter than ", size_, " bytes"));
  }

  void DropCached() const override { file_system_.DropCached(fd_.get()); }

 private:
  FileSystem& file_system_;
  const base::UniqueFd fd_;
  const int64_t size_;
  const std::string path_;
};

class LocalBlobWriter : public BlobWriter {
 public:
  explicit LocalBlobWriter(std::shared_ptr<UploadFile> file) : file_(std::move(file)) {}

  int64_t size() const override { return file_->size(); }
  bool done() const override { return file_->done(); }

  absl::Status Write(int64_t offset, absl::string_view bytes) override {
    ASSIGN_OR_RETURN(const int64_t written, file_->Write(offset, bytes));
    written_ += written;
    return absl::OkStatus();
  }

  absl::Status Commit(int64_t size) override { return file_->Commit(size, written_); }

 private:
  const std::shared_ptr<UploadFile> file_;
  int64_t written_ = 0;
};

struct FileInfo {
  int64_t size;
  absl::Time changed_at;
};

absl::Status CheckDigest(const std::string& digest) {
  if (base::IsDigest(digest)) return absl::OkStatus();
  return absl::InvalidArgumentError("a digest is 64 lower-case hexadecimal digits");
}

absl::StatusOr<std::optional<FileInfo>> LookAt(const std::string& path) {
  struct stat result;
  if (stat(path.c_str(), &result) == 0) {
    return FileInfo{.size = result.st_size, .changed_at = absl::TimeFromTimespec(result.st_mtim)};
  }
  if (errno == ENOENT || errno == ENOTDIR) return std::nullopt;
  return base::ErrnoStatus(errno, absl::StrCat("cannot look for ", path));
}

absl::StatusOr<std::optional<int64_t>> SizeOfFile(const std::string& path) {
  ASSIGN_OR_RETURN(const std::optional<FileInfo> info, LookAt(path));
  if (!info.has_value()) return std::nullopt;
  return info->size;
}

std::string ProjectInName(const std::string& project) { return base::Sha256(project).substr(0, kProjectLength); }

std::string UploadName(const UploadKey& key) { return absl::StrCat(key.digest, ".", ProjectInName(key.project)); }

// Calls `take(name, info)`, which returns a Status, for each regular file of the folder. Files may come and go.
template <typename Take>
absl::Status ForEachFile(const std::string& folder, const Take& take) {
  std::error_code error;
  std::filesystem::directory_iterator entry(folder, error);
  while (!error && entry != std::filesystem::directory_iterator()) {
    ASSIGN_OR_RETURN(const std::optional<FileInfo> info, LookAt(entry->path()));
    std::error_code ignored;
    if (info.has_value() && entry->is_regular_file(ignored)) {
      RETURN_IF_ERROR(take(entry->path().filename().string(), *info));
    }
    entry.increment(error);
  }
  if (error) return base::ErrnoStatus(error.value(), absl::StrCat("cannot list ", folder));
  return absl::OkStatus();
}

}  // namespace

LocalBlobStore::LocalBlobStore(const std::string& folder, FileSystem& file_system, const base::Clock& clock)
    : folder_(folder),
      blobs_(folder + "/blobs"),
      incoming_(folder + "/incoming"),
      file_system_(file_system),
      clock_(clock) {}

absl::StatusOr<std::unique_ptr<LocalBlobStore>> LocalBlobStore::Open(const std::string& folder, FileSystem& file_system,
                                                                     const base::Clock& clock) {
  auto store = std::unique_ptr<LocalBlobStore>(new LocalBlobStore(folder, file_system, clock));
  for (const std::string& made : {folder, store->blobs_, store->incoming_}) {
    RETURN_IF_ERROR(file_system.MakeFolder(made));
  }
  RETURN_IF_ERROR(file_system.SyncFolder(folder));
  RETURN_IF_ERROR(store->RemoveUploadsUnusedSince(clock.Now() - kUploadLife).status());
  return store;
}

std::unique_ptr<LocalBlobStore> LocalBlobStore::Inspect(const std::string& folder, FileSystem& file_system,
                                                        const base::Clock& clock) {
  return std::unique_ptr<LocalBlobStore>(new LocalBlobStore(folder, file_system, clock));
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

absl::StatusOr<std::optional<int64_t>> LocalBlobStore::Touch(const std::string& digest) {
  RETURN_IF_ERROR(CheckDigest(digest));
  const absl::ReaderMutexLock lock(&mutex_);
  ASSIGN_OR_RETURN(const std::optional<int64_t> size, SizeOfFile(BlobPath(digest)));
  if (size.has_value()) RETURN_IF_ERROR(file_system_.SetTime(BlobPath(digest), clock_.Now()));
  return size;
}

absl::StatusOr<std::unique_ptr<BlobWriter>> LocalBlobStore::StartWrite(const UploadKey& key) {
  RETURN_IF_ERROR(CheckDigest(key.digest));
  const std::string name = UploadName(key);
  const absl::MutexLock lock(&uploads_mutex_);
  std::shared_ptr<UploadFile> file = uploads_[name].lock();
  if (file == nullptr || file->done() || file->failed()) {
    ASSIGN_OR_RETURN(file, UploadFile::Open(*this, file_system_, absl::StrCat(incoming_, "/", name), key.digest));
    uploads_[name] = file;
  }
  return std::make_unique<LocalBlobWriter>(std::move(file));
}

absl::StatusOr<int64_t> LocalBlobStore::UploadedBytes(const UploadKey& key) {
  RETURN_IF_ERROR(CheckDigest(key.digest));
  ASSIGN_OR_RETURN(const std::optional<int64_t> size, SizeOfFile(absl::StrCat(incoming_, "/", UploadName(key))));
  return size.value_or(0);
}

absl::StatusOr<BlobStatistics> LocalBlobStore::UploadsOf(const std::string& project) {
  const std::string suffix = absl::StrCat(".", ProjectInName(project));
  BlobStatistics statistics;
  RETURN_IF_ERROR(ForEachFile(incoming_, [&](const std::string& name, const FileInfo& info) {
    if (!absl::EndsWith(name, suffix)) return absl::OkStatus();
    ++statistics.count;
    statistics.bytes += info.size;
    return absl::OkStatus();
  }));
  return statistics;
}

absl::StatusOr<std::unique_ptr<BlobReader>> LocalBlobStore::Open(const std::string& digest) {
  RETURN_IF_ERROR(CheckDigest(digest));
  const absl::ReaderMutexLock lock(&mutex_);
  const std::string path = BlobPath(digest);
  absl::StatusOr<base::UniqueFd> fd = file_system_.OpenToRead(path);
  if (absl::IsNotFound(fd.status())) return absl::NotFoundError(absl::StrCat("there is no blob ", digest));
  RETURN_IF_ERROR(fd.status());
  ASSIGN_OR_RETURN(const std::optional<int64_t> size, SizeOfFile(path));
  return std::make_unique<LocalBlobReader>(file_system_, *std::move(fd), size.value_or(0), path);
}

absl::Status LocalBlobStore::Quarantine(const std::string& digest) {
  RETURN_IF_ERROR(CheckDigest(digest));
  const absl::MutexLock lock(&mutex_);
  const std::string folder = folder_ + "/quarantine";
  RETURN_IF_ERROR(file_system_.MakeFolder(folder));
  statistics_.reset();
  const absl::Status renamed =
      file_system_.Rename(BlobPath(digest), absl::StrCat(folder, "/", digest, ".", absl::ToUnixNanos(clock_.Now())));
  return absl::IsNotFound(renamed) ? absl::OkStatus() : renamed;
}

absl::Status LocalBlobStore::ForEach(const std::function<absl::Status(const StoredBlob&)>& take) {
  std::error_code error;
  std::filesystem::directory_iterator shard(blobs_, error);
  while (!error && shard != std::filesystem::directory_iterator()) {
    RETURN_IF_ERROR(ForEachFile(shard->path(), [&](const std::string& name, const FileInfo& info) {
      if (!base::IsDigest(name) || shard->path() != ShardFolder(name)) return absl::OkStatus();
      return take({.digest = name, .size = info.size, .used_at = info.changed_at});
    }));
    shard.increment(error);
  }
  if (error) return base::ErrnoStatus(error.value(), absl::StrCat("cannot list ", blobs_));
  return absl::OkStatus();
}

absl::StatusOr<BlobStatistics> LocalBlobStore::GetStatistics() {
  const absl::MutexLock lock(&mutex_);
  if (!statistics_.has_value()) {
    BlobStatistics statistics;
    RETURN_IF_ERROR(ForEach([&](const StoredBlob& blob) {
      ++statistics.count;
      statistics.bytes += blob.size;
      return absl::OkStatus();
    }));
    statistics_ = statistics;
  }
  return *statistics_;
}

absl::StatusOr<int64_t> LocalBlobStore::FreeBytes() { return file_system_.FreeBytes(incoming_); }

absl::Status LocalBlobStore::CheckWritable() {
  for (const std::string& folder : {blobs_, incoming_}) {
    if (access(folder.c_str(), W_OK | X_OK) != 0) {
      return base::ErrnoStatus(errno, absl::StrCat("cannot write to ", folder));
    }
  }
  // Beside the folders: what is in them is looked at by others.
  const std::string probe = absl::StrCat(blobs_, ".probe");
  ASSIGN_OR_RETURN(const base::UniqueFd fd, file_system_.OpenToAppend(probe));
  RETURN_IF_ERROR(file_system_.Append(fd.get(), "Can this be written?\n", probe));
  RETURN_IF_ERROR(file_system_.Sync(fd.get(), probe));
  return file_system_.Remove(probe);
}

absl::StatusOr<bool> LocalBlobStore::RemoveIfUnusedSince(const std::string& digest, absl::Time time) {
  RETURN_IF_ERROR(CheckDigest(digest));
  const absl::MutexLock lock(&mutex_);
  ASSIGN_OR_RETURN(const std::optional<FileInfo> info, LookAt(BlobPath(digest)));
  if (!info.has_value() || info->changed_at >= time) return false;
  RETURN_IF_ERROR(file_system_.Remove(BlobPath(digest)));
  if (statistics_.has_value()) {
    --statistics_->count;
    statistics_->bytes -= info->size;
  }
  return true;
}

absl::StatusOr<int> LocalBlobStore::RemoveUploadsUnusedSince(absl::Time time) {
  const absl::MutexLock lock(&uploads_mutex_);
  for (auto upload = uploads_.begin(); upload != uploads_.end();) {
    upload = upload->second.expired() ? uploads_.erase(upload) : std::next(upload);
  }
  int removed = 0;
  RETURN_IF_ERROR(ForEachFile(incoming_,
                              [&](const std::string& name, const FileInfo& info)
                                  ABSL_EXCLUSIVE_LOCKS_REQUIRED(uploads_mutex_) -> absl::Status {
                                    // What has no such name was left by a version that kept nothing.
                                    const bool resumable = name.size() == kDigestLength + 1 + kProjectLength;
                                    if (uploads_.count(name) > 0 || (resumable && info.changed_at >= time))
                                      return absl::OkStatus();
                                    ++removed;
                                    return file_system_.Remove(absl::StrCat(incoming_, "/", name));
                                  }));
  return removed;
}

absl::Status LocalBlobStore::Publish(const std::string& temporary, const std::string& digest, int64_t size) {
  const absl::MutexLock lock(&mutex_);
  ASSIGN_OR_RETURN(const std::optional<int64_t> old_size, SizeOfFile(BlobPath(digest)));
  if (old_size == size) {
    // An earlier process may have been killed between its rename and its sync.
    RETURN_IF_ERROR(file_system_.SyncFolder(ShardFolder(digest)));
    RETURN_IF_ERROR(file_system_.SetTime(BlobPath(digest), clock_.Now()));
    file_system_.Remove(temporary).IgnoreError();
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
  RETURN_IF_ERROR(file_system_.SetTime(temporary, clock_.Now()));
  RETURN_IF_ERROR(file_system_.MakeFolder(ShardFolder(digest)));
  RETURN_IF_ERROR(file_system_.SyncFolder(blobs_));
  RETURN_IF_ERROR(file_system_.Rename(temporary, BlobPath(digest)));
  absl::Status status = file_system_.SyncFolder(ShardFolder(digest));
  if (!status.ok()) {
    // Back, so that the next upload has its bytes.
    if (!file_system_.Rename(BlobPath(digest), temporary).ok()) file_system_.Remove(BlobPath(digest)).IgnoreError();
    statistics_.reset();
  }
  return status;
}

}  // namespace joinery::storage
