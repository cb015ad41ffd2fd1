// Content-addressed storage: a blob's name is the SHA-256 of its bytes. What can be found is whole, durable and never
// changes. A digest is 64 lower-case hexadecimal digits throughout; anything else is kInvalidArgument, since it may
// come from outside and name a file.
#pragma once

#include <cstdint>
#include <memory>
#include <optional>
#include <string>

#include "absl/status/status.h"
#include "absl/status/statusor.h"
#include "absl/strings/string_view.h"

namespace joinery::storage {

// One upload. Not thread-safe. Destroyed without a successful Commit, it leaves nothing behind.
class BlobWriter {
 public:
  virtual ~BlobWriter() = default;

  // Adds `bytes` at the end. After an error only destruction makes sense.
  // Errors: kResourceExhausted no room.
  virtual absl::Status Append(absl::string_view bytes) = 0;

  // Publishes the blob once it is durable. Call once, last. A blob that is there already stays as it is.
  // Errors: kDataLoss the bytes appended have another digest or size · kResourceExhausted no room.
  virtual absl::Status Commit(const std::string& digest, int64_t size) = 0;
};

// An open blob. Thread-safe. Stays readable for as long as it lives.
class BlobReader {
 public:
  virtual ~BlobReader() = default;

  // Bytes.
  virtual int64_t size() const = 0;

  // Up to `max_bytes` bytes from `offset` on; fewer only at the end, none at or past it. Does not check the digest.
  virtual absl::StatusOr<std::string> Read(int64_t offset, int64_t max_bytes) const = 0;
};

struct BlobStatistics {
  int64_t count = 0;
  // Sum of the sizes of all blobs, in bytes.
  int64_t bytes = 0;
};

// Thread-safe.
class BlobStore {
 public:
  virtual ~BlobStore() = default;

  // The blob's size in bytes, or nullopt if it is not there.
  virtual absl::StatusOr<std::optional<int64_t>> Find(const std::string& digest) = 0;

  // Any number of uploads may go on at a time, also of the same blob.
  virtual absl::StatusOr<std::unique_ptr<BlobWriter>> StartWrite() = 0;

  // kNotFound if there is no such blob.
  virtual absl::StatusOr<std::unique_ptr<BlobReader>> Open(const std::string& digest) = 0;

  virtual absl::StatusOr<BlobStatistics> GetStatistics() = 0;

  // Bytes that could still be stored.
  virtual absl::StatusOr<int64_t> FreeBytes() = 0;
};

}  // namespace joinery::storage
