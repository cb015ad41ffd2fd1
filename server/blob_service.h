// BlobService (joinery/v1/blobs.proto) over a BlobStore. Thread-safe.
#pragma once

#include <cstdint>

#include "joinery/v1/blobs.grpc.pb.h"
#include "server/access/authenticator.h"
#include "server/blob_access.h"
#include "server/call_limit.h"
#include "server/hash_checkpoints.h"
#include "server/observer.h"
#include "server/upload_admission.h"
#include "storage/blob_store.h"

namespace joinery::server {

inline constexpr int64_t kMaxChunkBytes = int64_t{2} << 20;

class BlobService : public v1::BlobService::Service {
 public:
  // The references must outlive the service.
  BlobService(access::Authenticator& authenticator, storage::BlobStore& blobs, BlobAccess& access,
              UploadAdmission& admission, CallLimit& transfers, Observer& observer)
      : authenticator_(authenticator),
        blobs_(blobs),
        access_(access),
        admission_(admission),
        transfers_(transfers),
        observer_(observer) {}

  grpc::Status FindMissingBlobs(grpc::ServerContext* context, const v1::FindMissingBlobsRequest* request,
                                v1::FindMissingBlobsResponse* response) override;
  grpc::Status GetUpload(grpc::ServerContext* context, const v1::GetUploadRequest* request,
                         v1::Upload* response) override;
  grpc::Status UploadBlob(grpc::ServerContext* context, grpc::ServerReader<v1::UploadBlobRequest>* reader,
                          v1::UploadBlobResponse* response) override;
  grpc::Status DownloadBlob(grpc::ServerContext* context, const v1::DownloadBlobRequest* request,
                            grpc::ServerWriter<v1::DownloadBlobResponse>* writer) override;

 private:
  absl::StatusOr<access::Caller> Authenticate(const grpc::ServerContext& context);

  access::Authenticator& authenticator_;
  storage::BlobStore& blobs_;
  BlobAccess& access_;
  UploadAdmission& admission_;
  CallLimit& transfers_;
  Observer& observer_;
  HashCheckpoints checkpoints_;
};

}  // namespace joinery::server
