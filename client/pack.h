// A folder of calibration samples as a tar, made while it is read: no temporary file, and the same folder gives the
// same bytes whenever and by whomever it is packed.
#pragma once

#include <cstdint>
#include <memory>
#include <string>
#include <vector>

#include "absl/status/statusor.h"
#include "client/blob_source.h"

namespace joinery::client {

// A regular file below the folder.
struct PackMember {
  std::string name;  // Relative to the folder, with '/'.
  int64_t size;      // Bytes.
};

// Regular files named *.jpg, *.jpeg, *.png or *.npy (in any case) in `folder` and the folders in it, sorted by the
// bytes of their names. Symbolic links are not followed. Errors have Origin::kLocalIo: what cannot be read, or nothing
// fits.
absl::StatusOr<std::vector<PackMember>> FindPackMembers(const std::string& folder);

// The members as a ustar archive: mode 0644, owner and time 0.
class FolderSource : public BlobSource {
 public:
  // Lists the folder once; reading fails if a file then listed is gone or shorter.
  static absl::StatusOr<std::unique_ptr<FolderSource>> Open(const std::string& folder);

  const std::string& name() const override { return folder_; }
  absl::Status Read(const TakePiece& take) const override;
  const std::vector<PackMember>& members() const { return members_; }

 private:
  FolderSource(std::string folder, std::vector<PackMember> members);

  std::string folder_;
  std::vector<PackMember> members_;
};

// A folder is packed; a file named *.tar is sent as it is. Anything else is refused with kInvalidArgument.
absl::StatusOr<std::unique_ptr<BlobSource>> OpenCalibration(const std::string& path);

}  // namespace joinery::client
