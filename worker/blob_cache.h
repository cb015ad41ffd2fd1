// A folder of blobs that were fetched before, which any number of workers on a host may share.
//
//   DIGEST        a whole blob, read-only; who uses it holds a shared lock (flock) on it
//   DIGEST.part   what has arrived of one so far; who fetches it holds an exclusive lock on it
//
// A blob is checked against its digest before it gets its name. What was used longest ago goes first when room is
// needed; what anybody uses never goes.
#pragma once

#include <cstdint>
#include <functional>
#include <stop_token>
#include <string>
#include <utility>

#include "absl/status/status.h"
#include "absl/status/statusor.h"
#include "absl/strings/string_view.h"
#include "base/file.h"
#include "joinery/v1/blobs.pb.h"

namespace joinery::worker {

// Where blobs come from.
class BlobSource {
 public:
  virtual ~BlobSource() = default;

  // Hands the bytes of `blob` from `offset` on to `take`, in order; stops at its first error and returns it. After an
  // error some bytes may have been handed over.
  virtual absl::Status Read(const v1::BlobRef& blob, int64_t offset,
                            const std::function<absl::Status(absl::string_view)>& take) = 0;
};

// A blob in the cache. It stays there as long as this object lives.
class CachedBlob {
 public:
  CachedBlob(std::string path, base::UniqueFd lock, bool was_cached)
      : path_(std::move(path)), lock_(std::move(lock)), was_cached_(was_cached) {}

  const std::string& path() const { return path_; }
  // Nothing had to be fetched.
  bool was_cached() const { return was_cached_; }

 private:
  std::string path_;
  base::UniqueFd lock_;
  bool was_cached_;
};

// Thread-safe.
class BlobCache {
 public:
  // Makes `folder` if need be. Blobs in use count towards `max_bytes` but are not evicted: a job whose inputs are
  // larger still runs, and what is too much goes when the next blob is fetched.
  static absl::StatusOr<BlobCache> Open(const std::string& folder, int64_t max_bytes);

  // The blob, fetched from `source` if it is not there. If another worker is fetching it already, waits for that.
  // After an error what has arrived is kept, and the next Fetch goes on from there.
  // Errors: kInvalidArgument not a digest or a size · kDataLoss the bytes do not have the digest; they are thrown
  // away · kCancelled `stop` was requested while waiting · those of `source` and of the file system.
  absl::StatusOr<CachedBlob> Fetch(const v1::BlobRef& blob, BlobSource& source, const std::stop_token& stop) const;

 private:
  BlobCache(std::string folder, int64_t max_bytes) : folder_(std::move(folder)), max_bytes_(max_bytes) {}

  std::string folder_;
  int64_t max_bytes_;
};

}  // namespace joinery::worker
