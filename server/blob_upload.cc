#include "server/blob_upload.h"

#include <utility>

#include "absl/strings/str_cat.h"
#include "base/status.h"
#include "server/blob_service.h"
#include "server/validation.h"

namespace joinery::server {
namespace {

// What uploads leave free, so that the job queue can still be written.
constexpr int64_t kReserveBytes = int64_t{64} << 20;
// Uploads share the disk: each looks again after so many bytes.
constexpr int64_t kRoomCheckBytes = int64_t{32} << 20;

absl::Status CheckRoom(storage::BlobStore& blobs, int64_t wanted) {
  ASSIGN_OR_RETURN(const int64_t free_bytes, blobs.FreeBytes());
  if (wanted <= free_bytes - kReserveBytes) return absl::OkStatus();
  return absl::ResourceExhaustedError(absl::StrCat("no room for ", wanted, " bytes: the server's disk has ", free_bytes,
                                                   " bytes left, of which it keeps ", kReserveBytes));
}

}  // namespace

BlobUpload::BlobUpload(storage::BlobStore& blobs, v1::BlobRef header, std::unique_ptr<storage::BlobWriter> writer)
    : blobs_(&blobs), header_(std::move(header)), writer_(std::move(writer)) {}

absl::StatusOr<BlobUpload> BlobUpload::Start(storage::BlobStore& blobs, const v1::UploadBlobRequest& first,
                                             int64_t max_blob_bytes) {
  if (!first.has_header()) return absl::InvalidArgumentError("the first message of an upload must be its header");
  RETURN_IF_ERROR(ValidateBlobRef("header", first.header()));
  if (first.header().size() > max_blob_bytes) {
    return absl::ResourceExhaustedError(absl::StrCat("the blob has ", first.header().size(),
                                                     " bytes, this server takes at most ", max_blob_bytes,
                                                     " (joineryd --max-blob-size)"));
  }
  RETURN_IF_ERROR(CheckRoom(blobs, first.header().size()));
  ASSIGN_OR_RETURN(std::unique_ptr<storage::BlobWriter> writer, blobs.StartWrite());
  return BlobUpload(blobs, first.header(), std::move(writer));
}

absl::Status BlobUpload::Take(const v1::UploadBlobRequest& message) {
  if (!message.has_chunk()) return absl::InvalidArgumentError("only chunks may follow an upload's header");
  const v1::UploadBlobRequest::Chunk& chunk = message.chunk();
  const auto size = static_cast<int64_t>(chunk.data().size());
  if (size == 0 || size > kMaxChunkBytes) {
    return absl::InvalidArgumentError(absl::StrCat("a chunk has ", size, " bytes, allowed are 1 to ", kMaxChunkBytes));
  }
  if (chunk.offset() != received_) {
    return absl::OutOfRangeError(
        absl::StrCat("a chunk begins at ", chunk.offset(), ", the one before it ended at ", received_));
  }
  if (size > header_.size() - received_) {
    return absl::OutOfRangeError(absl::StrCat("more bytes came than the ", header_.size(), " announced"));
  }
  received_ += size;
  if (received_ - room_checked_at_ >= kRoomCheckBytes) {
    RETURN_IF_ERROR(CheckRoom(*blobs_, header_.size() - received_));
    room_checked_at_ = received_;
  }
  return writer_->Append(chunk.data());
}

absl::StatusOr<v1::BlobRef> BlobUpload::Finish() {
  RETURN_IF_ERROR(writer_->Commit(header_.digest(), header_.size()));
  return header_;
}

}  // namespace joinery::server
