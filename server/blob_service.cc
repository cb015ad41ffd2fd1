#include "server/blob_service.h"

#include <algorithm>
#include <optional>
#include <set>
#include <string>
#include <utility>

#include "absl/strings/str_cat.h"
#include "base/digest.h"
#include "base/status.h"
#include "server/blob_upload.h"
#include "server/grpc_status.h"
#include "server/validation.h"
#include "storage/blob_digest.h"

namespace joinery::server {
namespace {

constexpr int kMaxDigests = 1000;
constexpr int64_t kDownloadChunkBytes = int64_t{1} << 20;

absl::Status FindMissing(BlobAccess& access, const access::Caller& caller, const v1::FindMissingBlobsRequest& request,
                         v1::FindMissingBlobsResponse& response) {
  if (request.digests_size() > kMaxDigests) {
    return absl::InvalidArgumentError(absl::StrCat("digests has more than ", kMaxDigests, " entries"));
  }
  std::set<std::string> seen;
  for (const std::string& digest : request.digests()) {
    RETURN_IF_ERROR(ValidateDigest("digests", digest));
    if (!seen.insert(digest).second) continue;
    ASSIGN_OR_RETURN(const std::optional<int64_t> size, access.UseBy(caller, digest));
    if (!size.has_value()) response.add_digests(digest);
  }
  return absl::OkStatus();
}

absl::Status DescribeUpload(storage::BlobStore& blobs, BlobAccess& access, const access::Caller& caller,
                            const std::string& digest, v1::Upload& upload) {
  RETURN_IF_ERROR(ValidateDigest("digest", digest));
  ASSIGN_OR_RETURN(const std::optional<int64_t> size, access.UseBy(caller, digest));
  upload.set_complete(size.has_value());
  ASSIGN_OR_RETURN(const int64_t received, blobs.UploadedBytes({.project = caller.project, .digest = digest}));
  upload.set_received(size.value_or(received));
  return absl::OkStatus();
}

absl::Status Upload(const UploadContext& upload_context, const access::Caller& caller, Observer& observer,
                    const grpc::ServerContext& context, grpc::ServerReader<v1::UploadBlobRequest>& reader,
                    v1::UploadBlobResponse& response) {
  v1::UploadBlobRequest message;
  if (!reader.Read(&message)) return absl::InvalidArgumentError("an upload must begin with its header");
  ASSIGN_OR_RETURN(BlobUpload upload, BlobUpload::Start(upload_context, caller, message));
  // Once the blob is there, by this upload or another, the rest need not come.
  while (!upload.done() && reader.Read(&message)) {
    observer.BytesReceived(static_cast<int64_t>(message.chunk().data().size()));
    RETURN_IF_ERROR(upload.Take(message));
  }
  // Without this a client that goes away would look like one that is done.
  if (!upload.done() && context.IsCancelled()) {
    return absl::CancelledError("the client went away during the upload");
  }
  ASSIGN_OR_RETURN(*response.mutable_blob(), upload.Finish());
  return absl::OkStatus();
}

// Why a download that began to hash at `from` has come to another digest than the blob's name.
absl::Status ExplainWrongDigest(const storage::BlobReader& blob, const std::string& digest, int64_t from) {
  if (from > 0) {
    // The bytes before it were read by another download, perhaps wrongly: that alone takes no blob out of service.
    ASSIGN_OR_RETURN(const std::string actual, storage::DigestOf(blob));
    if (actual == digest) {
      return absl::UnavailableError(absl::StrCat("blob ", digest, " was once read wrongly; ask for it again"));
    }
  }
  return absl::DataLossError(absl::StrCat("the stored bytes of blob ", digest, " are damaged"));
}

// Reads from a checkpoint before the offset on, for the digest is over all bytes; sends those from the offset on. The
// last chunk is only sent once the digest is known to be right.
absl::Status Send(const storage::BlobReader& blob, const v1::DownloadBlobRequest& request, HashCheckpoints& checkpoints,
                  Observer& observer, grpc::ServerWriter<v1::DownloadBlobResponse>& writer) {
  HashCheckpoints::Checkpoint begin = checkpoints.Before(request.digest(), request.offset());
  base::Sha256Hasher& hasher = begin.hasher;
  v1::DownloadBlobResponse response;
  response.set_size(blob.size());
  for (int64_t position = begin.position; true;) {
    ASSIGN_OR_RETURN(std::string bytes, blob.Read(position, kDownloadChunkBytes));
    hasher.Update(bytes);
    const int64_t skipped = std::clamp<int64_t>(request.offset() - position, 0, static_cast<int64_t>(bytes.size()));
    position += static_cast<int64_t>(bytes.size());
    const bool last = position >= blob.size();
    checkpoints.Add(request.digest(), position, hasher);
    if (last && hasher.Finish() != request.digest()) {
      checkpoints.Forget(request.digest());
      return ExplainWrongDigest(blob, request.digest(), begin.position);
    }
    response.set_data(skipped == 0 ? std::move(bytes) : bytes.substr(static_cast<size_t>(skipped)));
    if (!response.data().empty() || last) {
      if (!writer.Write(response)) return absl::CancelledError("the client went away during the download");
      observer.BytesSent(static_cast<int64_t>(response.data().size()));
      response.clear_size();
    }
    if (last) return absl::OkStatus();
  }
}

absl::Status Download(storage::BlobStore& blobs, BlobAccess& access, const access::Caller& caller,
                      HashCheckpoints& checkpoints, Observer& observer, const v1::DownloadBlobRequest& request,
                      grpc::ServerWriter<v1::DownloadBlobResponse>& writer) {
  RETURN_IF_ERROR(ValidateDigest("digest", request.digest()));
  ASSIGN_OR_RETURN(const std::unique_ptr<storage::BlobReader> blob, access.Open(caller, request.digest()));
  if (request.offset() < 0 || request.offset() > blob->size()) {
    return absl::OutOfRangeError(
        absl::StrCat("offset ", request.offset(), " is not within the blob's ", blob->size(), " bytes"));
  }
  absl::Status sent = Send(*blob, request, checkpoints, observer, writer);
  if (!absl::IsDataLoss(sent)) return sent;
  // Whoever has the right bytes can upload them again once the wrong ones are out of the way.
  observer.BlobDamaged(request.digest());
  RETURN_IF_ERROR(blobs.Quarantine(request.digest()));
  return sent;
}

}  // namespace

absl::StatusOr<access::Caller> BlobService::Authenticate(const grpc::ServerContext& context) {
  return authenticator_.Authenticate(context, access::Scope::kSubmit | access::Scope::kWork);
}

grpc::Status BlobService::FindMissingBlobs(grpc::ServerContext* context, const v1::FindMissingBlobsRequest* request,
                                           v1::FindMissingBlobsResponse* response) {
  return Handle("FindMissingBlobs", [&]() -> absl::Status {
    ASSIGN_OR_RETURN(const access::Caller caller, Authenticate(*context));
    return FindMissing(access_, caller, *request, *response);
  });
}

grpc::Status BlobService::GetUpload(grpc::ServerContext* context, const v1::GetUploadRequest* request,
                                    v1::Upload* response) {
  return Handle("GetUpload", [&]() -> absl::Status {
    ASSIGN_OR_RETURN(const access::Caller caller, Authenticate(*context));
    return DescribeUpload(blobs_, access_, caller, request->digest(), *response);
  });
}

grpc::Status BlobService::UploadBlob(grpc::ServerContext* context, grpc::ServerReader<v1::UploadBlobRequest>* reader,
                                     v1::UploadBlobResponse* response) {
  return Handle("UploadBlob", [&]() -> absl::Status {
    ASSIGN_OR_RETURN(const access::Caller caller, Authenticate(*context));
    ASSIGN_OR_RETURN(const auto place, transfers_.Enter(caller.user));
    const UploadContext upload_context = {.blobs = blobs_, .access = access_, .admission = admission_};
    return Upload(upload_context, caller, observer_, *context, *reader, *response);
  });
}

grpc::Status BlobService::DownloadBlob(grpc::ServerContext* context, const v1::DownloadBlobRequest* request,
                                       grpc::ServerWriter<v1::DownloadBlobResponse>* writer) {
  return Handle("DownloadBlob", [&]() -> absl::Status {
    ASSIGN_OR_RETURN(const access::Caller caller, Authenticate(*context));
    ASSIGN_OR_RETURN(const auto place, transfers_.Enter(caller.user));
    return Download(blobs_, access_, caller, checkpoints_, observer_, *request, *writer);
  });
}

}  // namespace joinery::server
