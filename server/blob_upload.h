// The rules of one upload: what comes when, and whether there is room.
#pragma once

#include <cstdint>
#include <memory>
#include <optional>

#include "absl/status/status.h"
#include "absl/status/statusor.h"
#include "joinery/v1/blobs.pb.h"
#include "server/access/caller.h"
#include "server/blob_access.h"
#include "server/upload_admission.h"
#include "storage/blob_store.h"

namespace joinery::server {

// What uploads need; all outlive them.
struct UploadContext {
  storage::BlobStore& blobs;
  BlobAccess& access;
  UploadAdmission& admission;
};

// Not thread-safe. Destroyed without a successful Finish, it leaves what has arrived for the next. Errors: those of
// BlobService.UploadBlob.
class BlobUpload {
 public:
  // Checks the header and whether there is room.
  static absl::StatusOr<BlobUpload> Start(const UploadContext& context, const access::Caller& caller,
                                          const v1::UploadBlobRequest& first);

  // The blob is there, whether or not the rest of it comes.
  bool done() const { return writer_ == nullptr || writer_->done(); }

  absl::Status Take(const v1::UploadBlobRequest& message);
  // Once this succeeded the blob is durable.
  absl::StatusOr<v1::BlobRef> Finish();

 private:
  BlobUpload(const UploadContext& context, access::Caller caller, v1::BlobRef header)
      : context_(context), caller_(std::move(caller)), header_(std::move(header)) {}

  absl::Status CheckChunk(const v1::UploadBlobRequest::Chunk& chunk) const;

  UploadContext context_;
  access::Caller caller_;
  v1::BlobRef header_;
  std::optional<UploadAdmission::Ticket> ticket_;
  // Null if the blob was there from the beginning.
  std::unique_ptr<storage::BlobWriter> writer_;
  // Where the next chunk must begin; the first may begin anywhere in what is there.
  std::optional<int64_t> position_;
  int64_t room_checked_at_ = 0;
};

}  // namespace joinery::server
