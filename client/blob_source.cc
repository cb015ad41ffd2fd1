#include "client/blob_source.h"

#include <sys/stat.h>

#include <cerrno>

#include "absl/strings/str_cat.h"
#include "base/digest.h"
#include "base/file.h"
#include "base/status.h"
#include "client/error.h"

namespace joinery::client {

absl::Status FileSource::Read(const TakePiece& take) const {
  // A pipe could be read only once, and a device would have no end.
  struct stat status {};
  if (stat(path_.c_str(), &status) != 0) {
    return LocalIo(base::ErrnoStatus(errno, absl::StrCat("cannot open ", path_)));
  }
  if (!S_ISREG(status.st_mode)) {
    return LocalIo(absl::InvalidArgumentError(absl::StrCat(path_, " is not a regular file")));
  }
  absl::Status taken;
  const absl::Status read = base::ReadFileInPieces(path_, [&](absl::string_view piece) { return taken = take(piece); });
  return taken.ok() ? LocalIo(read) : taken;
}

absl::StatusOr<v1::BlobRef> Identify(const BlobSource& source, const TakePiece& take) {
  base::Sha256Hasher hasher;
  int64_t size = 0;
  RETURN_IF_ERROR(source.Read([&](absl::string_view piece) {
    hasher.Update(piece);
    size += static_cast<int64_t>(piece.size());
    return take(piece);
  }));
  v1::BlobRef blob;
  blob.set_digest(hasher.Finish());
  blob.set_size(size);
  return blob;
}

}  // namespace joinery::client
