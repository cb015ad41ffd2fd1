// The rules of one upload: what comes when, and whether there is room.
#pragma once

#include <cstdint>
#include <memory>

#include "absl/status/status.h"
#include "absl/status/statusor.h"
#include "joinery/v1/blobs.pb.h"
#include "storage/blob_store.h"

namespace joinery::server {

// Not thread-safe. Destroyed without a successful Finish, it leaves nothing behind. Errors: those of
// BlobService.UploadBlob.
class BlobUpload {
 public:
  // Checks the header and whether there is room. `blobs` must outlive the upload.
  static absl::StatusOr<BlobUpload> Start(storage::BlobStore& blobs, const v1::UploadBlobRequest& first,
                                          int64_t max_blob_bytes);

  absl::Status Take(const v1::UploadBlobRequest& message);
  // Once this succeeded the blob is durable.
  absl::StatusOr<v1::BlobRef> Finish();

 private:
  BlobUpload(storage::BlobStore& blobs, v1::BlobRef header, std::unique_ptr<storage::BlobWriter> writer);

  storage::BlobStore* blobs_;
  v1::BlobRef header_;
  std::unique_ptr<storage::BlobWriter> writer_;
  int64_t received_ = 0;
  int64_t room_checked_at_ = 0;
};

}  // namespace joinery::server
