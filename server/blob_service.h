// BlobService (joinery/v1/blobs.proto) over a BlobStore. Thread-safe.
#pragma once

#include <cstdint>

#include "joinery/v1/blobs.grpc.pb.h"
#include "server/access/authenticator.h"
#include "storage/blob_store.h"

namespace joinery::server {

inline constexpr int64_t kMaxChunkBytes = int64_t{2} << 20;

class BlobService : public v1::BlobService::Service {
 public:
  // The references must outlive the service. A blob may have up to `max_blob_bytes`.
  BlobService(access::Authenticator& authenticator, storage::BlobStore& blobs, int64_t max_blob_bytes)
      : authenticator_(authenticator), blobs_(blobs), max_blob_bytes_(max_blob_bytes) {}

  grpc::Status FindMissingBlobs(grpc::ServerContext* context, const v1::FindMissingBlobsRequest* request,
                                v1::FindMissingBlobsResponse* response) override;
  grpc::Status UploadBlob(grpc::ServerContext* context, grpc::ServerReader<v1::UploadBlobRequest>* reader,
                          v1::UploadBlobResponse* response) override;
  grpc::Status DownloadBlob(grpc::ServerContext* context, const v1::DownloadBlobRequest* request,
                            grpc::ServerWriter<v1::DownloadBlobResponse>* writer) override;

 private:
  access::Authenticator& authenticator_;
  storage::BlobStore& blobs_;
  const int64_t max_blob_bytes_;
};

}  // namespace joinery::server
