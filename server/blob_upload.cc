#include "server/blob_upload.h"

#include <utility>

#include "absl/strings/str_cat.h"
#include "base/status.h"
#include "server/blob_service.h"
#include "server/validation.h"

namespace joinery::server {
namespace {

// Uploads share the disk with others: each looks again after so many bytes.
constexpr int64_t kRoomCheckBytes = int64_t{32} << 20;

}  // namespace

absl::StatusOr<BlobUpload> BlobUpload::Start(const UploadContext& context, const access::Caller& caller,
                                             const v1::UploadBlobRequest& first) {
  if (!first.has_header()) return absl::InvalidArgumentError("the first message of an upload must be its header");
  const v1::BlobRef& header = first.header();
  RETURN_IF_ERROR(ValidateBlobRef("header", header));
  BlobUpload upload(context, caller, header);
  ASSIGN_OR_RETURN(const std::optional<int64_t> size, context.access.UseBy(caller, header.digest()));
  if (size == header.size()) return upload;
  ASSIGN_OR_RETURN(UploadAdmission::Ticket ticket, context.admission.Admit(caller, header));
  upload.ticket_.emplace(std::move(ticket));
  ASSIGN_OR_RETURN(upload.writer_, context.blobs.StartWrite({.project = caller.project, .digest = header.digest()}));
  return upload;
}

absl::Status BlobUpload::CheckChunk(const v1::UploadBlobRequest::Chunk& chunk) const {
  const auto size = static_cast<int64_t>(chunk.data().size());
  if (size == 0 || size > kMaxChunkBytes) {
    return absl::InvalidArgumentError(absl::StrCat("a chunk has ", size, " bytes, allowed are 1 to ", kMaxChunkBytes));
  }
  if (position_.has_value() && chunk.offset() != *position_) {
    return absl::OutOfRangeError(
        absl::StrCat("a chunk begins at ", chunk.offset(), ", the one before it ended at ", *position_));
  }
  if (chunk.offset() < 0 || chunk.offset() > writer_->size()) {
    return absl::OutOfRangeError(absl::StrCat("the first chunk begins at ", chunk.offset(), ", but the server has ",
                                              writer_->size(), " bytes of the blob; ask with GetUpload"));
  }
  if (size > header_.size() - chunk.offset()) {
    return absl::OutOfRangeError(absl::StrCat("more bytes came than the ", header_.size(), " announced"));
  }
  return absl::OkStatus();
}

absl::Status BlobUpload::Take(const v1::UploadBlobRequest& message) {
  if (!message.has_chunk()) return absl::InvalidArgumentError("only chunks may follow an upload's header");
  const v1::UploadBlobRequest::Chunk& chunk = message.chunk();
  RETURN_IF_ERROR(CheckChunk(chunk));
  RETURN_IF_ERROR(writer_->Write(chunk.offset(), chunk.data()));
  position_ = chunk.offset() + static_cast<int64_t>(chunk.data().size());
  ticket_->Arrived(writer_->size());
  if (*position_ - room_checked_at_ < kRoomCheckBytes) return absl::OkStatus();
  room_checked_at_ = *position_;
  return ticket_->CheckRoom();
}

absl::StatusOr<v1::BlobRef> BlobUpload::Finish() {
  if (writer_ != nullptr) RETURN_IF_ERROR(context_.access.Publish(*writer_, caller_, header_));
  return header_;
}

}  // namespace joinery::server
