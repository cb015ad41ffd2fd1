// One upload into a LocalBlobStore.
#pragma once

#include <cstdint>
#include <memory>
#include <string>

#include "base/digest.h"
#include "base/file.h"
#include "storage/blob_store.h"

namespace joinery::storage {

class LocalBlobStore;

// Writes to a file of its own in incoming/ and hashes on the way; the file goes when the writer does.
class LocalBlobWriter : public BlobWriter {
 public:
  static absl::StatusOr<std::unique_ptr<BlobWriter>> Create(LocalBlobStore& store, const std::string& path);

  LocalBlobWriter(LocalBlobStore& store, base::UniqueFd fd, std::string path);
  ~LocalBlobWriter() override;
  LocalBlobWriter(const LocalBlobWriter&) = delete;
  LocalBlobWriter& operator=(const LocalBlobWriter&) = delete;

  absl::Status Append(absl::string_view bytes) override;
  absl::Status Commit(const std::string& digest, int64_t size) override;

 private:
  LocalBlobStore& store_;
  const base::UniqueFd fd_;
  const std::string path_;
  base::Sha256Hasher hasher_;
  int64_t size_ = 0;
  bool published_ = false;
};

}  // namespace joinery::storage
