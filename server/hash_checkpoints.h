// How far the SHA-256 of blobs had come at certain places, so that a download that goes on in the middle begins to read
// near there and not at the beginning.
#pragma once

#include <cstddef>
#include <cstdint>
#include <list>
#include <map>
#include <string>
#include <unordered_map>

#include "absl/base/thread_annotations.h"
#include "absl/synchronization/mutex.h"
#include "base/digest.h"

namespace joinery::server {

// A checkpoint is a claim about the bytes before it that nobody has checked: the digest of the whole, which whoever
// goes on from there must compare, tells. Thread-safe. Takes at most about 2 MiB; the blobs asked for longest ago are
// forgotten first.
class HashCheckpoints {
 public:
  struct Checkpoint {
    // Bytes of the blob that `hasher` has taken.
    int64_t position = 0;
    base::Sha256Hasher hasher;
  };

  // Bytes from one to the next.
  static constexpr int64_t kSpacing = int64_t{8} << 20;
  // Of all blobs together: 32 GiB of them.
  static constexpr size_t kMaxCheckpoints = 4096;

  // The last one at or before `position`; that of no bytes if there is none.
  Checkpoint Before(const std::string& digest, int64_t position);

  // Keeps a copy if `position` is a multiple of kSpacing.
  void Add(const std::string& digest, int64_t position, const base::Sha256Hasher& hasher);

  void Forget(const std::string& digest);

 private:
  struct Blob {
    std::map<int64_t, base::Sha256Hasher> hashers;
    std::list<std::string>::iterator use;
  };

  void Remove(const std::string& digest) ABSL_EXCLUSIVE_LOCKS_REQUIRED(mutex_);

  absl::Mutex mutex_;
  std::unordered_map<std::string, Blob> blobs_ ABSL_GUARDED_BY(mutex_);
  // Digests, those used last in front.
  std::list<std::string> uses_ ABSL_GUARDED_BY(mutex_);
  size_t count_ ABSL_GUARDED_BY(mutex_) = 0;
};

}  // namespace joinery::server
