#include "storage/local/blob_writer.h"

#include <unistd.h>

#include <utility>

#include "absl/strings/str_cat.h"
#include "base/status.h"
#include "storage/local/blob_store.h"

namespace joinery::storage {

absl::StatusOr<std::unique_ptr<BlobWriter>> LocalBlobWriter::Create(LocalBlobStore& store, const std::string& path) {
  ASSIGN_OR_RETURN(base::UniqueFd fd, store.file_system_.CreateFile(path));
  return std::make_unique<LocalBlobWriter>(store, std::move(fd), path);
}

LocalBlobWriter::LocalBlobWriter(LocalBlobStore& store, base::UniqueFd fd, std::string path)
    : store_(store), fd_(std::move(fd)), path_(std::move(path)) {}

LocalBlobWriter::~LocalBlobWriter() {
  if (!published_) unlink(path_.c_str());
}

absl::Status LocalBlobWriter::Append(absl::string_view bytes) {
  hasher_.Update(bytes);
  size_ += static_cast<int64_t>(bytes.size());
  return store_.file_system_.Write(fd_.get(), bytes, path_);
}

absl::Status LocalBlobWriter::Commit(const std::string& digest, int64_t size) {
  if (size_ != size) {
    return absl::DataLossError(absl::StrCat("received ", size_, " bytes of blob ", digest, ", announced were ", size));
  }
  if (const std::string actual = hasher_.Finish(); actual != digest) {
    return absl::DataLossError(absl::StrCat("the bytes received have the digest ", actual, ", announced was ", digest));
  }
  RETURN_IF_ERROR(store_.file_system_.Sync(fd_.get(), path_));
  RETURN_IF_ERROR(store_.Publish(path_, digest, size));
  published_ = true;
  return absl::OkStatus();
}

}  // namespace joinery::storage
