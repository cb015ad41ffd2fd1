// Session: blobs up and down.
#include <fcntl.h>
#include <sys/stat.h>
#include <unistd.h>

#include <algorithm>
#include <cerrno>
#include <cstdio>
#include <cstdlib>
#include <utility>

#include "absl/cleanup/cleanup.h"
#include "absl/strings/str_cat.h"
#include "base/digest.h"
#include "base/file.h"
#include "base/status.h"
#include "client/error.h"
#include "client/session.h"
#include "credentials/channel.h"

namespace joinery::client {
namespace {

constexpr size_t kChunkSize = size_t{1} << 20;
// The slowest way to a server that is worth waiting for.
constexpr double kLeastBytesPerSecond = 16 * 1024;

absl::Duration TransferTimeout(int64_t size) {
  return absl::Minutes(2) + absl::Seconds(static_cast<double>(size) / kLeastBytesPerSecond);
}

std::string FolderOf(const std::string& path) {
  const size_t slash = path.rfind('/');
  if (slash == std::string::npos) return ".";
  return slash == 0 ? "/" : path.substr(0, slash);
}

// Sends pieces of any size as chunks of kChunkSize, but for the first `skip` bytes.
class ChunkWriter {
 public:
  ChunkWriter(grpc::ClientWriter<v1::UploadBlobRequest>& writer, int64_t skip)
      : writer_(writer), skip_(static_cast<size_t>(skip)) {
    request_.mutable_chunk()->set_offset(skip);
    request_.mutable_chunk()->mutable_data()->reserve(kChunkSize);
  }

  // False if the server does not take more; the call's status says why.
  bool Write(absl::string_view piece) {
    const size_t skipped = std::min(skip_, piece.size());
    skip_ -= skipped;
    piece.remove_prefix(skipped);
    while (!piece.empty()) {
      std::string& data = *request_.mutable_chunk()->mutable_data();
      const size_t count = std::min(piece.size(), kChunkSize - data.size());
      data.append(piece.data(), count);
      piece.remove_prefix(count);
      if (data.size() == kChunkSize && !Flush()) return false;
    }
    return true;
  }

  bool Flush() {
    if (request_.chunk().data().empty()) return true;
    if (!writer_.Write(request_)) return false;
    v1::UploadBlobRequest::Chunk& chunk = *request_.mutable_chunk();
    chunk.set_offset(chunk.offset() + static_cast<int64_t>(chunk.data().size()));
    chunk.mutable_data()->clear();
    return true;
  }

 private:
  grpc::ClientWriter<v1::UploadBlobRequest>& writer_;
  size_t skip_;
  v1::UploadBlobRequest request_;
};

// Checks that what arrives is `blob`, and no longer than it.
class Verifier {
 public:
  explicit Verifier(const v1::BlobRef& blob) : blob_(blob) {}

  int64_t received() const { return received_; }

  absl::Status Take(absl::string_view piece) {
    received_ += static_cast<int64_t>(piece.size());
    if (received_ > blob_.size()) {
      return absl::DataLossError(absl::StrCat("more than the announced ", blob_.size(), " bytes arrived"));
    }
    hasher_.Update(piece);
    return absl::OkStatus();
  }

  // Of a stream that ended well: a blob that stops short is a broken one, not a short one.
  absl::Status CheckWhole() {
    if (received_ < blob_.size()) {
      return absl::DataLossError(absl::StrCat("only ", received_, " of ", blob_.size(), " bytes arrived"));
    }
    if (const std::string digest = hasher_.Finish(); digest != blob_.digest()) {
      return absl::DataLossError(
          absl::StrCat("what arrived has the SHA-256 ", digest, ", not the announced ", blob_.digest()));
    }
    return absl::OkStatus();
  }

 private:
  const v1::BlobRef& blob_;
  base::Sha256Hasher hasher_;
  int64_t received_ = 0;
};

// Gives the temporary file what the umask says, makes it durable and lets it take its name.
absl::Status PutInPlace(int fd, const std::string& temporary, const std::string& path) {
  const mode_t mask = umask(0);
  umask(mask);
  if (fchmod(fd, 0666 & ~mask) != 0 || fsync(fd) != 0) {
    return LocalIo(base::ErrnoStatus(errno, absl::StrCat("cannot write ", path)));
  }
  if (rename(temporary.c_str(), path.c_str()) != 0) {
    return LocalIo(base::ErrnoStatus(errno, absl::StrCat("cannot rename to ", path)));
  }
  return LocalIo(base::SyncFolder(FolderOf(path)));
}

}  // namespace

absl::Status Session::SendBlob(grpc::ClientContext& context, const BlobSource& source, const v1::BlobRef& blob,
                               int64_t received, const TransferObserver& observer) {
  v1::UploadBlobResponse response;
  const auto writer = blobs_->UploadBlob(&context, &response);
  v1::UploadBlobRequest header;
  *header.mutable_header() = blob;
  bool open = writer->Write(header);
  ChunkWriter chunks(*writer, received);
  int64_t sent = 0;
  const absl::Status read = source.Read([&](absl::string_view piece) {
    open = open && chunks.Write(piece);
    // Finish() below says why, or that the server has the rest already.
    if (!open) return absl::CancelledError("no more is taken");
    sent += static_cast<int64_t>(piece.size());
    observer(std::max(sent, received), blob.size());
    return absl::OkStatus();
  });
  if (open && !read.ok()) {
    context.TryCancel();
    writer->Finish();
    return read;
  }
  if (open && chunks.Flush()) writer->WritesDone();
  return credentials::ToStatus(writer->Finish());
}

absl::StatusOr<v1::Upload> Session::AskHowFar(const v1::BlobRef& blob) {
  grpc::ClientContext context;
  context.set_deadline(absl::ToChronoTime(absl::Now() + options_.call_timeout));
  const Interruption::Guard guard(*options_.interruption, context);
  v1::GetUploadRequest request;
  request.set_digest(blob.digest());
  v1::Upload upload;
  const absl::Status status = credentials::ToStatus(blobs_->GetUpload(&context, request, &upload));
  // A server of an older version keeps nothing.
  if (absl::IsUnimplemented(status)) return v1::Upload();
  RETURN_IF_ERROR(status);
  // What has more bytes than the blob is not this blob's beginning; the server finds out at the end.
  upload.set_received(std::clamp<int64_t>(upload.received(), 0, blob.size()));
  return upload;
}

absl::Status Session::Upload(const BlobSource& source, const v1::BlobRef& blob, const TransferObserver& observer) {
  int64_t furthest = 0;
  const std::string what = absl::StrCat("uploading ", source.name());
  const absl::Status status =
      Run(what, TransferTimeout(blob.size()), [&](grpc::ClientContext& context, bool* progressed) -> absl::Status {
        ASSIGN_OR_RETURN(const v1::Upload upload, AskHowFar(blob));
        *progressed = upload.received() > furthest;
        furthest = std::max(furthest, upload.received());
        if (!upload.complete()) RETURN_IF_ERROR(SendBlob(context, source, blob, upload.received(), observer));
        observer(blob.size(), blob.size());
        return absl::OkStatus();
      });
  if (absl::IsDataLoss(status) || absl::IsOutOfRange(status)) {
    return WithFix(status, absl::StrCat("was ", source.name(), " changed meanwhile? Run the command again"));
  }
  return status;
}

absl::Status Session::ReceiveBlob(const v1::BlobRef& blob, const TakePiece& take, const TransferObserver& observer) {
  Verifier verifier(blob);
  v1::DownloadBlobRequest request;
  request.set_digest(blob.digest());
  const std::string what = absl::StrCat("downloading ", blob.digest().substr(0, 12));
  return Run(what, TransferTimeout(blob.size()), [&](grpc::ClientContext& context, bool* progressed) -> absl::Status {
    request.set_offset(verifier.received());
    const auto reader = blobs_->DownloadBlob(&context, request);
    v1::DownloadBlobResponse response;
    while (reader->Read(&response)) {
      absl::Status status = verifier.Take(response.data());
      if (status.ok()) status = take(response.data());
      if (!status.ok()) {
        context.TryCancel();
        reader->Finish();
        return status;
      }
      *progressed = true;
      observer(verifier.received(), blob.size());
    }
    RETURN_IF_ERROR(credentials::ToStatus(reader->Finish()));
    return verifier.CheckWhole();
  });
}

absl::Status Session::Download(const v1::BlobRef& blob, const std::string& path, const TransferObserver& observer) {
  std::string temporary = absl::StrCat(path, ".XXXXXX");
  const base::UniqueFd fd(mkostemp(temporary.data(), O_CLOEXEC));
  if (!fd.valid()) return LocalIo(base::ErrnoStatus(errno, absl::StrCat("cannot create ", path)));
  // Gone after an error; after a success the name is no more.
  const auto remove = absl::MakeCleanup([&temporary] { unlink(temporary.c_str()); });
  RETURN_IF_ERROR(ReceiveBlob(
      blob, [&](absl::string_view piece) { return LocalIo(base::WriteAll(fd.get(), piece, path)); }, observer));
  return PutInPlace(fd.get(), temporary, path);
}

absl::StatusOr<std::string> Session::DownloadToMemory(const v1::BlobRef& blob, int64_t max_size) {
  if (blob.size() > max_size) {
    return absl::ResourceExhaustedError(absl::StrCat(blob.size(), " bytes are more than the limit of ", max_size));
  }
  std::string bytes;
  RETURN_IF_ERROR(ReceiveBlob(
      blob,
      [&](absl::string_view piece) {
        bytes.append(piece.data(), piece.size());
        return absl::OkStatus();
      },
      [](int64_t /*done*/, int64_t /*total*/) {}));
  return bytes;
}

}  // namespace joinery::client
