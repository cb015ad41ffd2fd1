#include "storage/local/upload_file.h"

#include <sys/stat.h>
#include <unistd.h>

#include <algorithm>
#include <cerrno>
#include <utility>

#include "absl/strings/str_cat.h"
#include "base/status.h"
#include "storage/local/blob_store.h"

namespace joinery::storage {
namespace {

constexpr int64_t kPieceBytes = int64_t{1} << 20;
// Large enough for the disk to write in one go, small enough for the last Sync to be short.
constexpr int64_t kSyncBytes = int64_t{8} << 20;

absl::Status BeginAnew(absl::string_view why) {
  return absl::UnavailableError(absl::StrCat(why, "; what had arrived was thrown away, send it again"));
}

}  // namespace

UploadFile::UploadFile(LocalBlobStore& store, FileSystem& file_system, std::string path, std::string digest)
    : store_(store), file_system_(file_system), path_(std::move(path)), digest_(std::move(digest)) {}

absl::StatusOr<std::shared_ptr<UploadFile>> UploadFile::Open(LocalBlobStore& store, FileSystem& file_system,
                                                             const std::string& path, const std::string& digest) {
  auto file = std::shared_ptr<UploadFile>(new UploadFile(store, file_system, path, digest));
  if (access(path.c_str(), F_OK) == 0) {
    const absl::MutexLock lock(&file->mutex_);
    RETURN_IF_ERROR(file->OpenIfNeeded());
  }
  return file;
}

UploadFile::~UploadFile() {
  const absl::MutexLock lock(&mutex_);
  if (done_ || removed_ || !fd_.valid()) return;
  // If this fails a power loss may spoil what is kept; the digest tells when the upload ends.
  file_system_.Sync(fd_.get(), path_).IgnoreError();
}

absl::Status UploadFile::OpenIfNeeded() {
  if (fd_.valid()) return absl::OkStatus();
  ASSIGN_OR_RETURN(fd_, file_system_.OpenToAppend(path_));
  struct stat status {};
  if (fstat(fd_.get(), &status) != 0) return base::ErrnoStatus(errno, absl::StrCat("cannot look at ", path_));
  size_ = sync_begun_ = status.st_size;
  return absl::OkStatus();
}

int64_t UploadFile::size() const {
  const absl::MutexLock lock(&mutex_);
  return size_;
}

bool UploadFile::done() const {
  const absl::MutexLock lock(&mutex_);
  return done_;
}

bool UploadFile::failed() const {
  const absl::MutexLock lock(&mutex_);
  return !failure_.ok();
}

absl::Status UploadFile::Fail(const absl::Status& status, bool keep) {
  failure_ = status;
  if (!keep) {
    removed_ = true;
    file_system_.Remove(path_).IgnoreError();
  }
  return status;
}

absl::Status UploadFile::HashWhatWasThere() {
  while (hashed_ < size_) {
    const absl::StatusOr<std::string> bytes =
        file_system_.Read(fd_.get(), hashed_, std::min(kPieceBytes, size_ - hashed_), path_);
    if (!bytes.ok() || bytes->empty()) return Fail(BeginAnew("what was kept of the upload cannot be read"), false);
    hasher_.Update(*bytes);
    hashed_ += static_cast<int64_t>(bytes->size());
  }
  return absl::OkStatus();
}

absl::StatusOr<int64_t> UploadFile::Write(int64_t offset, absl::string_view bytes) {
  const absl::MutexLock lock(&mutex_);
  RETURN_IF_ERROR(failure_);
  if (done_) return 0;
  if (offset > size_) {
    return absl::OutOfRangeError(absl::StrCat("a chunk begins at ", offset, ", but only ", size_, " bytes are there"));
  }
  const int64_t known = size_ - offset;
  if (known >= static_cast<int64_t>(bytes.size())) return 0;
  bytes.remove_prefix(static_cast<size_t>(known));
  RETURN_IF_ERROR(OpenIfNeeded());
  RETURN_IF_ERROR(HashWhatWasThere());
  // A part may have been written; the next upload finds it and takes it for what it is.
  if (const absl::Status written = file_system_.Append(fd_.get(), bytes, path_); !written.ok()) {
    return Fail(written, /*keep=*/true);
  }
  hasher_.Update(bytes);
  size_ += static_cast<int64_t>(bytes.size());
  hashed_ = size_;
  if (size_ - sync_begun_ >= kSyncBytes) {
    file_system_.BeginSync(fd_.get(), sync_begun_, size_ - sync_begun_);
    sync_begun_ = size_;
  }
  return static_cast<int64_t>(bytes.size());
}

absl::Status UploadFile::CheckWhole(int64_t size, int64_t written) {
  if (size_ < size) {
    return absl::DataLossError(absl::StrCat("received ", size_, " bytes of blob ", digest_, ", announced were ", size));
  }
  RETURN_IF_ERROR(HashWhatWasThere());
  const std::string actual = hasher_.Finish();
  if (actual == digest_ && size_ == size) return absl::OkStatus();
  const std::string wrong = absl::StrCat("the ", size_, " bytes received have the digest ", actual, ", announced were ",
                                         size, " bytes of digest ", digest_);
  return Fail(written == size_ ? absl::DataLossError(wrong) : BeginAnew(wrong), /*keep=*/false);
}

absl::Status UploadFile::Commit(int64_t size, int64_t written) {
  const absl::MutexLock lock(&mutex_);
  RETURN_IF_ERROR(failure_);
  if (done_) return absl::OkStatus();
  RETURN_IF_ERROR(OpenIfNeeded());
  RETURN_IF_ERROR(CheckWhole(size, written));
  // After a failed sync nobody knows which of the bytes are on the disk, even if the next one succeeds.
  if (const absl::Status synced = file_system_.Sync(fd_.get(), path_); !synced.ok()) {
    return Fail(synced, /*keep=*/false);
  }
  if (const absl::Status published = store_.Publish(path_, digest_, size); !published.ok()) {
    return Fail(published, /*keep=*/true);
  }
  done_ = true;
  return absl::OkStatus();
}

}  // namespace joinery::storage
