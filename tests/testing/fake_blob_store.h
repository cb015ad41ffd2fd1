// Blobs in memory. Thread-safe.
#pragma once

#include <algorithm>
#include <map>
#include <memory>
#include <optional>
#include <string>
#include <utility>

#include "absl/base/thread_annotations.h"
#include "absl/synchronization/mutex.h"
#include "base/digest.h"
#include "base/status.h"
#include "storage/blob_store.h"

namespace joinery::testing {

class FakeBlobStore : public storage::BlobStore {
 public:
  absl::StatusOr<std::optional<int64_t>> Find(const std::string& digest) override {
    RETURN_IF_ERROR(CheckDigest(digest));
    absl::MutexLock lock(&mutex_);
    const auto found = blobs_.find(digest);
    if (found == blobs_.end()) return std::nullopt;
    return static_cast<int64_t>(found->second.size());
  }

  absl::StatusOr<std::unique_ptr<storage::BlobWriter>> StartWrite() override { return std::make_unique<Writer>(*this); }

  absl::StatusOr<std::unique_ptr<storage::BlobReader>> Open(const std::string& digest) override {
    RETURN_IF_ERROR(CheckDigest(digest));
    absl::MutexLock lock(&mutex_);
    const auto found = blobs_.find(digest);
    if (found == blobs_.end()) return absl::NotFoundError("there is no blob " + digest);
    return std::make_unique<Reader>(found->second);
  }

  absl::StatusOr<storage::BlobStatistics> GetStatistics() override {
    absl::MutexLock lock(&mutex_);
    storage::BlobStatistics statistics;
    statistics.count = static_cast<int64_t>(blobs_.size());
    for (const auto& [digest, bytes] : blobs_) statistics.bytes += static_cast<int64_t>(bytes.size());
    return statistics;
  }

  absl::StatusOr<int64_t> FreeBytes() override {
    absl::MutexLock lock(&mutex_);
    return free_bytes_;
  }

  void SetFreeBytes(int64_t free_bytes) {
    absl::MutexLock lock(&mutex_);
    free_bytes_ = free_bytes;
  }

  // Stores `bytes` and answers with their digest.
  std::string Put(const std::string& bytes) {
    absl::MutexLock lock(&mutex_);
    std::string digest = base::Sha256(bytes);
    blobs_[digest] = bytes;
    return digest;
  }

  // Changes what is stored under `digest`, as a failing disk would.
  void Damage(const std::string& digest) {
    absl::MutexLock lock(&mutex_);
    blobs_[digest].back() ^= 1;
  }

 private:
  class Writer : public storage::BlobWriter {
   public:
    explicit Writer(FakeBlobStore& store) : store_(store) {}

    absl::Status Append(absl::string_view bytes) override {
      bytes_.append(bytes.data(), bytes.size());
      return absl::OkStatus();
    }

    absl::Status Commit(const std::string& digest, int64_t size) override {
      if (static_cast<int64_t>(bytes_.size()) != size) return absl::DataLossError("another size");
      if (base::Sha256(bytes_) != digest) return absl::DataLossError("another digest");
      store_.Put(bytes_);
      return absl::OkStatus();
    }

   private:
    FakeBlobStore& store_;
    std::string bytes_;
  };

  class Reader : public storage::BlobReader {
   public:
    explicit Reader(std::string bytes) : bytes_(std::move(bytes)) {}

    int64_t size() const override { return static_cast<int64_t>(bytes_.size()); }
    absl::StatusOr<std::string> Read(int64_t offset, int64_t max_bytes) const override {
      return bytes_.substr(std::min(static_cast<size_t>(offset), bytes_.size()), static_cast<size_t>(max_bytes));
    }

   private:
    const std::string bytes_;
  };

  static absl::Status CheckDigest(const std::string& digest) {
    return base::IsDigest(digest) ? absl::OkStatus() : absl::InvalidArgumentError("not a digest");
  }

  absl::Mutex mutex_;
  std::map<std::string, std::string> blobs_ ABSL_GUARDED_BY(mutex_);
  int64_t free_bytes_ ABSL_GUARDED_BY(mutex_) = int64_t{1} << 40;
};

}  // namespace joinery::testing
