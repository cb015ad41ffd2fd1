#include "worker/blob_transfer.h"

#include <sys/stat.h>

#include <algorithm>
#include <cerrno>
#include <memory>

#include "absl/strings/str_cat.h"
#include "base/digest.h"
#include "base/file.h"
#include "base/status.h"
#include "worker/rpc.h"

namespace joinery::worker {
namespace {

absl::StatusOr<v1::Upload> AskHowFar(v1::BlobService::StubInterface& blobs, const v1::BlobRef& blob,
                                     const std::stop_token& stop) {
  v1::GetUploadRequest request;
  request.set_digest(blob.digest());
  v1::Upload upload;
  const absl::Status status = CallServer(
      stop, kRpcDeadline, [&](grpc::ClientContext& context) { return blobs.GetUpload(&context, request, &upload); });
  // A server of an older version keeps nothing.
  if (absl::IsUnimplemented(status)) return v1::Upload();
  RETURN_IF_ERROR(status);
  upload.set_received(std::clamp<int64_t>(upload.received(), 0, blob.size()));
  return upload;
}

// Sends the file from `begin` on.
absl::Status SendFile(v1::BlobService::StubInterface& blobs, const LocalBlob& file, int64_t begin,
                      const std::stop_token& stop) {
  grpc::ClientContext context;
  const std::stop_callback cancel(stop, [&] { context.TryCancel(); });
  v1::UploadBlobResponse response;
  const std::unique_ptr<grpc::ClientWriterInterface<v1::UploadBlobRequest>> writer =
      blobs.UploadBlob(&context, &response);
  v1::UploadBlobRequest request;
  *request.mutable_header() = file.ref;
  bool open = writer->Write(request);
  int64_t position = 0;
  const absl::Status read = base::ReadFileInPieces(file.path, [&](absl::string_view piece) {
    // Why the server closed the stream is told by Finish.
    if (!open) return absl::CancelledError("the server closed the stream");
    const int64_t skipped = std::clamp<int64_t>(begin - position, 0, static_cast<int64_t>(piece.size()));
    piece.remove_prefix(static_cast<size_t>(skipped));
    position += skipped;
    if (piece.empty()) return absl::OkStatus();
    request.mutable_chunk()->set_offset(position);
    request.mutable_chunk()->set_data(piece.data(), piece.size());
    position += static_cast<int64_t>(piece.size());
    open = writer->Write(request);
    return absl::OkStatus();
  });
  if (open && !read.ok()) context.TryCancel();
  writer->WritesDone();
  const absl::Status finished = ToStatus(writer->Finish(), stop);
  return open && !read.ok() ? read : finished;
}

absl::Status UploadFile(v1::BlobService::StubInterface& blobs, const LocalBlob& file, const std::stop_token& stop) {
  ASSIGN_OR_RETURN(const v1::Upload upload, AskHowFar(blobs, file.ref, stop));
  return upload.complete() ? absl::OkStatus() : SendFile(blobs, file, upload.received(), stop);
}

}  // namespace

absl::Status ServerBlobSource::Read(const v1::BlobRef& blob, int64_t offset,
                                    const std::function<absl::Status(absl::string_view)>& take) {
  grpc::ClientContext context;
  const std::stop_callback cancel(stop_, [&] { context.TryCancel(); });
  v1::DownloadBlobRequest request;
  request.set_digest(blob.digest());
  request.set_offset(offset);
  const std::unique_ptr<grpc::ClientReaderInterface<v1::DownloadBlobResponse>> reader =
      blobs_.DownloadBlob(&context, request);
  v1::DownloadBlobResponse response;
  absl::Status taken;
  while (taken.ok() && reader->Read(&response)) taken = take(response.data());
  if (!taken.ok()) context.TryCancel();
  const absl::Status finished = ToStatus(reader->Finish(), stop_);
  return taken.ok() ? finished : taken;
}

absl::StatusOr<v1::BlobRef> DescribeFile(const std::string& path) {
  struct stat status {};
  if (lstat(path.c_str(), &status) != 0) return base::ErrnoStatus(errno, path);
  if (!S_ISREG(status.st_mode) || status.st_nlink != 1) {
    return absl::FailedPreconditionError(absl::StrCat(path, " is not a file of its own"));
  }
  v1::BlobRef ref;
  ASSIGN_OR_RETURN(*ref.mutable_digest(), base::Sha256OfFile(path));
  ref.set_size(status.st_size);
  return ref;
}

absl::Status UploadMissing(v1::BlobService::StubInterface& blobs, const std::vector<LocalBlob>& files,
                           const std::stop_token& stop) {
  v1::FindMissingBlobsRequest request;
  for (const LocalBlob& file : files) request.add_digests(file.ref.digest());
  v1::FindMissingBlobsResponse missing;
  RETURN_IF_ERROR(CallServer(stop, kRpcDeadline, [&](grpc::ClientContext& context) {
    return blobs.FindMissingBlobs(&context, request, &missing);
  }));
  for (const std::string& digest : missing.digests()) {
    const auto file = std::find_if(files.begin(), files.end(), [&](const auto& f) { return f.ref.digest() == digest; });
    if (file != files.end()) RETURN_IF_ERROR(UploadFile(blobs, *file, stop));
  }
  return absl::OkStatus();
}

}  // namespace joinery::worker
