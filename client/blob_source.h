// Bytes to upload that can be read more than once: first for the digest, then to be sent.
#pragma once

#include <functional>
#include <string>
#include <utility>

#include "absl/status/status.h"
#include "absl/status/statusor.h"
#include "absl/strings/string_view.h"
#include "joinery/v1/blobs.pb.h"

namespace joinery::client {

using TakePiece = std::function<absl::Status(absl::string_view)>;

// Reading gives the same bytes each time, unless somebody changes the files behind it.
class BlobSource {
 public:
  virtual ~BlobSource() = default;

  // For people: the path it was given as.
  virtual const std::string& name() const = 0;

  // All bytes in order, in pieces of any size. Stops at the first error of `take` and returns it; other errors have
  // Origin::kLocalIo.
  virtual absl::Status Read(const TakePiece& take) const = 0;
};

// A regular file, as it is.
class FileSource : public BlobSource {
 public:
  explicit FileSource(std::string path) : path_(std::move(path)) {}

  const std::string& name() const override { return path_; }
  absl::Status Read(const TakePiece& take) const override;

 private:
  std::string path_;
};

// Digest and size. `take` sees the pieces too: for progress, and to stop.
absl::StatusOr<v1::BlobRef> Identify(const BlobSource& source, const TakePiece& take);

}  // namespace joinery::client
