// Blobs in memory. Thread-safe.
#pragma once

#include <algorithm>
#include <atomic>
#include <functional>
#include <map>
#include <memory>
#include <optional>
#include <string>
#include <utility>
#include <vector>

#include "absl/base/thread_annotations.h"
#include "absl/synchronization/mutex.h"
#include "absl/time/clock.h"
#include "absl/time/time.h"
#include "base/digest.h"
#include "base/status.h"
#include "storage/blob_store.h"

namespace joinery::testing {

class FakeBlobStore : public storage::BlobStore {
 public:
  absl::StatusOr<std::optional<int64_t>> Find(const std::string& digest) override {
    RETURN_IF_ERROR(CheckDigest(digest));
    absl::MutexLock lock(&mutex_);
    return SizeOf(digest);
  }

  absl::StatusOr<std::optional<int64_t>> Touch(const std::string& digest) override {
    RETURN_IF_ERROR(CheckDigest(digest));
    absl::MutexLock lock(&mutex_);
    if (blobs_.count(digest) > 0) used_at_[digest] = absl::Now();
    return SizeOf(digest);
  }

  absl::StatusOr<std::unique_ptr<storage::BlobWriter>> StartWrite(const storage::UploadKey& key) override {
    RETURN_IF_ERROR(CheckDigest(key.digest));
    absl::MutexLock lock(&mutex_);
    std::shared_ptr<Upload>& upload = uploads_[{key.project, key.digest}];
    if (upload == nullptr || upload->done || upload->failed) upload = std::make_shared<Upload>();
    return std::make_unique<Writer>(*this, key, upload);
  }

  absl::StatusOr<int64_t> UploadedBytes(const storage::UploadKey& key) override {
    absl::MutexLock lock(&mutex_);
    const auto found = uploads_.find({key.project, key.digest});
    return found == uploads_.end() ? 0 : static_cast<int64_t>(found->second->bytes.size());
  }

  absl::StatusOr<storage::BlobStatistics> UploadsOf(const std::string& project) override {
    absl::MutexLock lock(&mutex_);
    storage::BlobStatistics statistics;
    for (const auto& [key, upload] : uploads_) {
      if (key.first != project || upload->bytes.empty()) continue;
      ++statistics.count;
      statistics.bytes += static_cast<int64_t>(upload->bytes.size());
    }
    return statistics;
  }

  absl::Status Quarantine(const std::string& digest) override {
    absl::MutexLock lock(&mutex_);
    blobs_.erase(digest);
    return absl::OkStatus();
  }

  absl::Status ForEach(const std::function<absl::Status(const storage::StoredBlob&)>& take) override {
    std::vector<storage::StoredBlob> all;
    {
      absl::MutexLock lock(&mutex_);
      for (const auto& [digest, bytes] : blobs_) {
        all.push_back({digest, static_cast<int64_t>(bytes.size()), used_at_[digest]});
      }
    }
    for (const storage::StoredBlob& blob : all) RETURN_IF_ERROR(take(blob));
    return absl::OkStatus();
  }

  absl::StatusOr<bool> RemoveIfUnusedSince(const std::string& digest, absl::Time time) override {
    absl::MutexLock lock(&mutex_);
    if (blobs_.count(digest) == 0 || used_at_[digest] >= time) return false;
    return blobs_.erase(digest) > 0;
  }

  absl::StatusOr<int> RemoveUploadsUnusedSince(absl::Time /*time*/) override {
    absl::MutexLock lock(&mutex_);
    const int removed = static_cast<int>(uploads_.size());
    uploads_.clear();
    return removed;
  }

  absl::StatusOr<std::unique_ptr<storage::BlobReader>> Open(const std::string& digest) override {
    RETURN_IF_ERROR(CheckDigest(digest));
    absl::MutexLock lock(&mutex_);
    const auto found = blobs_.find(digest);
    if (found == blobs_.end()) return absl::NotFoundError("there is no blob " + digest);
    return std::make_unique<Reader>(found->second, bytes_read_);
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

  absl::Status CheckWritable() override {
    absl::MutexLock lock(&mutex_);
    return writable_;
  }

  // What CheckWritable answers.
  void SetWritable(absl::Status writable) {
    absl::MutexLock lock(&mutex_);
    writable_ = std::move(writable);
  }

  void SetFreeBytes(int64_t free_bytes) {
    absl::MutexLock lock(&mutex_);
    free_bytes_ = free_bytes;
  }

  // Stores `bytes` and answers with their digest.
  std::string Put(const std::string& bytes) {
    std::string digest = Store(bytes);
    if (on_put_) on_put_(digest, static_cast<int64_t>(bytes.size()));
    return digest;
  }

  // Called for what a test puts, not for what is uploaded: it has no owner yet.
  void OnPut(std::function<void(const std::string& digest, int64_t size)> on_put) { on_put_ = std::move(on_put); }

  // Changes the last byte stored under `digest`, as a failing disk would.
  void Damage(const std::string& digest) {
    absl::MutexLock lock(&mutex_);
    blobs_[digest].back() ^= 1;
  }

  // Changes the byte at `offset`.
  void DamageAt(const std::string& digest, size_t offset) {
    absl::MutexLock lock(&mutex_);
    blobs_[digest][offset] ^= 1;
  }

  // By all readers so far.
  int64_t bytes_read() const { return bytes_read_; }

 private:
  // Shared by its writers; guarded by the store's mutex.
  struct Upload {
    std::string bytes;
    bool done = false;
    bool failed = false;
  };

  class Writer : public storage::BlobWriter {
   public:
    Writer(FakeBlobStore& store, storage::UploadKey key, std::shared_ptr<Upload> upload)
        : store_(store), key_(std::move(key)), upload_(std::move(upload)) {}

    int64_t size() const override {
      absl::MutexLock lock(&store_.mutex_);
      return static_cast<int64_t>(upload_->bytes.size());
    }

    bool done() const override {
      absl::MutexLock lock(&store_.mutex_);
      return upload_->done;
    }

    absl::Status Write(int64_t offset, absl::string_view bytes) override {
      absl::MutexLock lock(&store_.mutex_);
      if (upload_->failed) return absl::UnavailableError("thrown away");
      const auto there = static_cast<int64_t>(upload_->bytes.size());
      if (offset > there) return absl::OutOfRangeError("a gap");
      if (there - offset >= static_cast<int64_t>(bytes.size())) return absl::OkStatus();
      bytes.remove_prefix(static_cast<size_t>(there - offset));
      upload_->bytes.append(bytes.data(), bytes.size());
      written_ += bytes.size();
      return absl::OkStatus();
    }

    absl::Status Commit(int64_t size) override {
      absl::ReleasableMutexLock lock(&store_.mutex_);
      if (upload_->done) return absl::OkStatus();
      if (upload_->failed) return absl::UnavailableError("thrown away");
      if (static_cast<int64_t>(upload_->bytes.size()) < size) return absl::DataLossError("too few");
      const bool right =
          static_cast<int64_t>(upload_->bytes.size()) == size && base::Sha256(upload_->bytes) == key_.digest;
      (right ? upload_->done : upload_->failed) = true;
      store_.uploads_.erase({key_.project, key_.digest});
      const std::string bytes = upload_->bytes;
      lock.Release();
      if (right) store_.Store(bytes);
      if (right) return absl::OkStatus();
      return written_ == bytes.size() ? absl::DataLossError("another digest") : absl::UnavailableError("begin anew");
    }

   private:
    FakeBlobStore& store_;
    const storage::UploadKey key_;
    const std::shared_ptr<Upload> upload_;
    size_t written_ = 0;
  };

  class Reader : public storage::BlobReader {
   public:
    Reader(std::string bytes, std::atomic<int64_t>& bytes_read) : bytes_(std::move(bytes)), bytes_read_(bytes_read) {}

    int64_t size() const override { return static_cast<int64_t>(bytes_.size()); }
    absl::StatusOr<std::string> Read(int64_t offset, int64_t max_bytes) const override {
      std::string bytes =
          bytes_.substr(std::min(static_cast<size_t>(offset), bytes_.size()), static_cast<size_t>(max_bytes));
      bytes_read_ += static_cast<int64_t>(bytes.size());
      return bytes;
    }

   private:
    const std::string bytes_;
    std::atomic<int64_t>& bytes_read_;
  };

  static absl::Status CheckDigest(const std::string& digest) {
    return base::IsDigest(digest) ? absl::OkStatus() : absl::InvalidArgumentError("not a digest");
  }

  std::string Store(const std::string& bytes) {
    absl::MutexLock lock(&mutex_);
    std::string digest = base::Sha256(bytes);
    blobs_[digest] = bytes;
    used_at_[digest] = absl::Now();
    return digest;
  }

  std::optional<int64_t> SizeOf(const std::string& digest) ABSL_EXCLUSIVE_LOCKS_REQUIRED(mutex_) {
    const auto found = blobs_.find(digest);
    if (found == blobs_.end()) return std::nullopt;
    return static_cast<int64_t>(found->second.size());
  }

  std::function<void(const std::string& digest, int64_t size)> on_put_;
  std::atomic<int64_t> bytes_read_ = 0;
  absl::Mutex mutex_;
  std::map<std::string, std::string> blobs_ ABSL_GUARDED_BY(mutex_);
  std::map<std::string, absl::Time> used_at_ ABSL_GUARDED_BY(mutex_);
  std::map<std::pair<std::string, std::string>, std::shared_ptr<Upload>> uploads_ ABSL_GUARDED_BY(mutex_);
  absl::Status writable_ ABSL_GUARDED_BY(mutex_);
  int64_t free_bytes_ ABSL_GUARDED_BY(mutex_) = int64_t{1} << 40;
};

}  // namespace joinery::testing
