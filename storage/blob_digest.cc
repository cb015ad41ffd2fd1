#include "storage/blob_digest.h"

#include "base/digest.h"
#include "base/status.h"

namespace joinery::storage {
namespace {

constexpr int64_t kPieceBytes = int64_t{1} << 20;

}  // namespace

absl::StatusOr<std::string> DigestOf(const BlobReader& blob,
                                     const std::function<absl::Status(int64_t bytes)>& after_piece) {
  base::Sha256Hasher hasher;
  for (int64_t position = 0; position < blob.size(); position += kPieceBytes) {
    ASSIGN_OR_RETURN(const std::string bytes, blob.Read(position, kPieceBytes));
    hasher.Update(bytes);
    RETURN_IF_ERROR(after_piece(static_cast<int64_t>(bytes.size())));
  }
  return hasher.Finish();
}

}  // namespace joinery::storage
