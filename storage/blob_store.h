// Content-addressed storage: a blob's name is the SHA-256 of its bytes. What can be found is whole, durable and never
// changes. A digest is 64 lower-case hexadecimal digits throughout; anything else is kInvalidArgument, since it may
// come from outside and name a file.
#pragma once

#include <cstdint>
#include <functional>
#include <memory>
#include <optional>
#include <string>

#include "absl/status/status.h"
#include "absl/status/statusor.h"
#include "absl/strings/string_view.h"
#include "absl/time/time.h"

namespace joinery::storage {

// What an upload is known by, so that another may go on where it broke off.
struct UploadKey {
  // Who sends it: no project sees or spoils what another has sent.
  std::string project;
  // What it is to become.
  std::string digest;
};

// A part in an upload. All writers of one key that live at the same time, and those that come later, share its bytes:
// each adds what is not there yet. When the last one goes without a successful Commit, what has arrived is kept, made
// durable, and found by the next writer, also of a later process. One thread at a time may use a writer; several
// writers of one key may be used at once.
class BlobWriter {
 public:
  virtual ~BlobWriter() = default;

  // How many of the blob's first bytes are there.
  virtual int64_t size() const = 0;

  // Another writer of the same key has published the blob; nothing is left to do.
  virtual bool done() const = 0;

  // Adds what of `bytes`, which begin at `offset` of the blob, is not there yet.
  // Errors: kOutOfRange `offset` is past size() · kResourceExhausted no room · kUnavailable what was there has proved
  // wrong or cannot be read, and was thrown away; begin anew. After an error only destruction makes sense.
  virtual absl::Status Write(int64_t offset, absl::string_view bytes) = 0;

  // Publishes the blob once it is durable. Call once, last. A blob that is there already stays as it is.
  // Errors: kDataLoss the bytes have another digest or size · kUnavailable so they have, but not all of them came by
  // this writer; begin anew · kResourceExhausted no room. Bytes of another digest are thrown away, too few are kept.
  virtual absl::Status Commit(int64_t size) = 0;
};

// An open blob. Thread-safe. Stays readable for as long as it lives.
class BlobReader {
 public:
  virtual ~BlobReader() = default;

  // Bytes.
  virtual int64_t size() const = 0;

  // Up to `max_bytes` bytes from `offset` on; fewer only at the end, none at or past it. Does not check the digest.
  virtual absl::StatusOr<std::string> Read(int64_t offset, int64_t max_bytes) const = 0;

  // Makes the next Read ask the disk instead of a copy in memory, where the system can. Only costs time.
  virtual void DropCached() const {}
};

struct BlobStatistics {
  int64_t count = 0;
  // Sum of the sizes of all blobs, in bytes.
  int64_t bytes = 0;
};

struct StoredBlob {
  std::string digest;
  // Bytes.
  int64_t size = 0;
  // When it was uploaded or last touched.
  absl::Time used_at;
};

// Thread-safe.
class BlobStore {
 public:
  virtual ~BlobStore() = default;

  // The blob's size in bytes, or nullopt if it is not there.
  virtual absl::StatusOr<std::optional<int64_t>> Find(const std::string& digest) = 0;

  // As Find, and notes that it is in use now: see RemoveIfUnusedSince.
  virtual absl::StatusOr<std::optional<int64_t>> Touch(const std::string& digest) = 0;

  // Any number of uploads may go on at a time, also of the same blob. An uploaded blob is in use now, also if it was
  // there before.
  virtual absl::StatusOr<std::unique_ptr<BlobWriter>> StartWrite(const UploadKey& key) = 0;

  // size() of the next writer of that key.
  virtual absl::StatusOr<int64_t> UploadedBytes(const UploadKey& key) = 0;

  // What a project's uploads that have not ended keep.
  virtual absl::StatusOr<BlobStatistics> UploadsOf(const std::string& project) = 0;

  // kNotFound if there is no such blob.
  virtual absl::StatusOr<std::unique_ptr<BlobReader>> Open(const std::string& digest) = 0;

  // Takes a blob whose bytes proved wrong out of service, for a person to look at. The next upload of it is stored.
  virtual absl::Status Quarantine(const std::string& digest) = 0;

  virtual absl::StatusOr<BlobStatistics> GetStatistics() = 0;

  // Bytes that could still be stored.
  virtual absl::StatusOr<int64_t> FreeBytes() = 0;

  // Whether a blob could be stored now: writes something small, waits for the disk, and removes it again.
  virtual absl::Status CheckWritable() = 0;

  // Housekeeping.

  // Each blob, in no order; those that come or go meanwhile perhaps. Stops at the first error of `take` and returns it.
  virtual absl::Status ForEach(const std::function<absl::Status(const StoredBlob&)>& take) = 0;

  // Removes the blob unless it was in use at or after `time`; tells whether it did. Readers go on reading.
  virtual absl::StatusOr<bool> RemoveIfUnusedSince(const std::string& digest, absl::Time time) = 0;

  // Throws away the uploads that nobody is writing or has written since `time`; answers with how many.
  virtual absl::StatusOr<int> RemoveUploadsUnusedSince(absl::Time time) = 0;
};

}  // namespace joinery::storage
