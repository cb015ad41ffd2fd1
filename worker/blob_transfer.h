// Moves blobs between the server and this host.
#pragma once

#include <functional>
#include <stop_token>
#include <string>

#include "joinery/v1/blobs.grpc.pb.h"
#include "worker/blob_cache.h"

namespace joinery::worker {

// The server's blobs. A read ends, with kCancelled, once `stop` is requested. Not thread-safe.
class ServerBlobSource : public BlobSource {
 public:
  // `blobs` must outlive this object.
  ServerBlobSource(v1::BlobService::StubInterface& blobs, std::stop_token stop)
      : blobs_(blobs), stop_(std::move(stop)) {}

  absl::Status Read(const v1::BlobRef& blob, int64_t offset,
                    const std::function<absl::Status(absl::string_view)>& take) override;

 private:
  v1::BlobService::StubInterface& blobs_;
  std::stop_token stop_;
};

// The name and size of the file at `path`. Whoever made the file is not trusted: kFailedPrecondition unless it is a
// regular file of its own, since a link could lead to anything the worker may read. kNotFound if there is none.
absl::StatusOr<v1::BlobRef> DescribeFile(const std::string& path);

struct LocalBlob {
  v1::BlobRef ref;
  std::string path;
};

// Sends what of `files` the server does not have; of a file whose upload broke off, the rest. OK means all are durable
// there. Ends, with kCancelled, once `stop` is requested.
absl::Status UploadMissing(v1::BlobService::StubInterface& blobs, const std::vector<LocalBlob>& files,
                           const std::stop_token& stop);

}  // namespace joinery::worker
