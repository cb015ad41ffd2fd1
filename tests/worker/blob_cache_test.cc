#include "worker/blob_cache.h"

#include <gtest/gtest.h>
#include <sys/stat.h>

#include <algorithm>
#include <atomic>
#include <filesystem>
#include <fstream>
#include <functional>
#include <map>
#include <optional>
#include <string>
#include <thread>
#include <vector>

#include "absl/strings/str_cat.h"
#include "absl/synchronization/notification.h"
#include "base/digest.h"
#include "tests/testing/status_matchers.h"
#include "tests/testing/temporary_folder.h"

namespace joinery::worker {
namespace {

using ::joinery::testing::IsOk;
using ::joinery::testing::IsOkAndHolds;
using ::joinery::testing::StatusIs;
using ::joinery::testing::TemporaryFolder;
using ::testing::_;
using ::testing::ElementsAre;

v1::BlobRef RefTo(const std::string& bytes) {
  v1::BlobRef ref;
  ref.set_digest(base::Sha256(bytes));
  ref.set_size(static_cast<int64_t>(bytes.size()));
  return ref;
}

// Has some blobs; can break off after so many bytes of a read. Thread-safe but for the setters.
class FakeBlobSource : public BlobSource {
 public:
  v1::BlobRef Add(const std::string& bytes) {
    const v1::BlobRef ref = RefTo(bytes);
    blobs_[ref.digest()] = bytes;
    return ref;
  }
  void Damage(const v1::BlobRef& ref) { blobs_[ref.digest()][0] ^= 1; }
  void BreakOffAfter(std::optional<size_t> bytes) { break_off_after_ = bytes; }
  void DuringRead(std::function<void()> action) { during_read_ = std::move(action); }

  absl::Status Read(const v1::BlobRef& blob, int64_t offset,
                    const std::function<absl::Status(absl::string_view)>& take) override {
    {
      const absl::MutexLock lock(&mutex_);
      offsets_.push_back(offset);
    }
    if (during_read_) during_read_();
    const std::string bytes = blobs_.at(blob.digest()).substr(static_cast<size_t>(offset));
    const size_t sent = std::min(bytes.size(), break_off_after_.value_or(bytes.size()));
    for (size_t at = 0; at < sent; at += 3) {
      const absl::Status status = take(absl::string_view(bytes).substr(at, std::min<size_t>(3, sent - at)));
      if (!status.ok()) return status;
    }
    return sent < bytes.size() ? absl::UnavailableError("broken off") : absl::OkStatus();
  }

  // Where each read began.
  std::vector<int64_t> offsets() const {
    const absl::MutexLock lock(&mutex_);
    return offsets_;
  }

 private:
  mutable absl::Mutex mutex_;
  std::map<std::string, std::string> blobs_;
  std::optional<size_t> break_off_after_;
  std::function<void()> during_read_;
  std::vector<int64_t> offsets_;
};

class BlobCacheTest : public ::testing::Test {
 protected:
  BlobCache Open(int64_t max_bytes = 1000) {
    absl::StatusOr<BlobCache> cache = BlobCache::Open(folder_.path(), max_bytes);
    EXPECT_THAT(cache, IsOk());
    return *std::move(cache);
  }
  bool Has(const v1::BlobRef& ref) const { return std::filesystem::exists(folder_ / ref.digest()); }
  int CountFiles() const {
    int count = 0;
    for ([[maybe_unused]] const auto& entry : std::filesystem::directory_iterator(folder_.path())) ++count;
    return count;
  }

  TemporaryFolder folder_;
  FakeBlobSource source_;
  std::stop_token never_;
};

TEST_F(BlobCacheTest, FetchesOnceAndThenHasIt) {
  const v1::BlobRef ref = source_.Add("some bytes");
  const BlobCache cache = Open();
  ASSERT_OK_AND_ASSIGN(const CachedBlob first, cache.Fetch(ref, source_, never_));
  EXPECT_FALSE(first.was_cached());
  EXPECT_THAT(base::ReadFile(first.path(), 100), IsOkAndHolds("some bytes"));
  ASSERT_OK_AND_ASSIGN(const CachedBlob second, cache.Fetch(ref, source_, never_));
  EXPECT_TRUE(second.was_cached());
  EXPECT_THAT(source_.offsets(), ElementsAre(0));
  EXPECT_EQ(CountFiles(), 1);
}

TEST_F(BlobCacheTest, AnEmptyBlobNeedsNoTransfer) { EXPECT_THAT(Open().Fetch(RefTo(""), source_, never_), IsOk()); }

TEST_F(BlobCacheTest, ABrokenDownloadIsResumedWhereItEnded) {
  const v1::BlobRef ref = source_.Add("0123456789");
  source_.BreakOffAfter(4);
  EXPECT_THAT(Open().Fetch(ref, source_, never_), StatusIs(absl::StatusCode::kUnavailable, _));
  EXPECT_FALSE(Has(ref));
  // As after the worker was started anew.
  EXPECT_THAT(Open().Fetch(ref, source_, never_), StatusIs(absl::StatusCode::kUnavailable, _));
  source_.BreakOffAfter(std::nullopt);
  ASSERT_OK_AND_ASSIGN(const CachedBlob blob, Open().Fetch(ref, source_, never_));
  EXPECT_THAT(base::ReadFile(blob.path(), 100), IsOkAndHolds("0123456789"));
  EXPECT_THAT(source_.offsets(), ElementsAre(0, 4, 8));
  EXPECT_EQ(CountFiles(), 1);
}

TEST_F(BlobCacheTest, BytesWithAnotherDigestAreThrownAway) {
  const v1::BlobRef ref = source_.Add("0123456789");
  source_.Damage(ref);
  EXPECT_THAT(Open().Fetch(ref, source_, never_), StatusIs(absl::StatusCode::kDataLoss, _));
  EXPECT_EQ(CountFiles(), 0);
  source_.Add("0123456789");
  EXPECT_THAT(Open().Fetch(ref, source_, never_), IsOk());
}

TEST_F(BlobCacheTest, MoreBytesThanAnnouncedAreRefused) {
  v1::BlobRef ref = source_.Add("0123456789");
  ref.set_size(4);
  EXPECT_THAT(Open().Fetch(ref, source_, never_), StatusIs(absl::StatusCode::kDataLoss, _));
  EXPECT_EQ(CountFiles(), 0);
}

TEST_F(BlobCacheTest, ADamagedPartFileIsNotTakenOver) {
  const v1::BlobRef ref = source_.Add("0123456789");
  std::ofstream(folder_ / (ref.digest() + ".part")) << "01X";
  EXPECT_THAT(Open().Fetch(ref, source_, never_), StatusIs(absl::StatusCode::kDataLoss, _));
  EXPECT_THAT(Open().Fetch(ref, source_, never_), IsOk());
}

TEST_F(BlobCacheTest, AFileOfTheWrongSizeIsFetchedAgain) {
  const v1::BlobRef ref = source_.Add("0123456789");
  std::ofstream(folder_ / ref.digest()) << "0123";
  ASSERT_OK_AND_ASSIGN(const CachedBlob blob, Open().Fetch(ref, source_, never_));
  EXPECT_THAT(base::ReadFile(blob.path(), 100), IsOkAndHolds("0123456789"));
}

TEST_F(BlobCacheTest, NamesThatAreNoDigestNeverBecomePaths) {
  v1::BlobRef ref;
  for (const char* name : {"../../etc/passwd", "", "0123"}) {
    ref.set_digest(name);
    EXPECT_THAT(Open().Fetch(ref, source_, never_), StatusIs(absl::StatusCode::kInvalidArgument, _));
  }
  EXPECT_EQ(CountFiles(), 0);
}

TEST_F(BlobCacheTest, WhatWasUsedLongestAgoGoesFirst) {
  const v1::BlobRef a = source_.Add(std::string(40, 'a'));
  const v1::BlobRef b = source_.Add(std::string(40, 'b'));
  const v1::BlobRef c = source_.Add(std::string(40, 'c'));
  const BlobCache cache = Open(100);
  EXPECT_THAT(cache.Fetch(a, source_, never_), IsOk());
  EXPECT_THAT(cache.Fetch(b, source_, never_), IsOk());
  // Not by waiting: file times may be as coarse as a timer tick.
  std::filesystem::last_write_time(folder_ / b.digest(),
                                   std::filesystem::file_time_type::clock::now() - std::chrono::hours(1));
  EXPECT_THAT(cache.Fetch(a, source_, never_), IsOk());
  EXPECT_THAT(cache.Fetch(c, source_, never_), IsOk());
  EXPECT_TRUE(Has(a));
  EXPECT_FALSE(Has(b));
  EXPECT_TRUE(Has(c));
}

TEST_F(BlobCacheTest, WhatIsInUseIsNotEvicted) {
  const v1::BlobRef a = source_.Add(std::string(60, 'a'));
  const v1::BlobRef b = source_.Add(std::string(60, 'b'));
  const v1::BlobRef c = source_.Add(std::string(60, 'c'));
  const BlobCache cache = Open(100);
  {
    ASSERT_OK_AND_ASSIGN(const CachedBlob used, cache.Fetch(a, source_, never_));
    EXPECT_THAT(cache.Fetch(b, source_, never_), IsOk());
    EXPECT_TRUE(Has(a));
    // Another worker, with a smaller bound, does not take it away either.
    Open(0);
    EXPECT_TRUE(Has(a));
    EXPECT_FALSE(Has(b));
  }
  EXPECT_THAT(cache.Fetch(c, source_, never_), IsOk());
  EXPECT_FALSE(Has(a));
}

TEST_F(BlobCacheTest, ForgottenPartsAreEvictedToo) {
  std::ofstream(folder_ / (base::Sha256("x") + ".part")) << std::string(200, 'x');
  std::ofstream(folder_ / "somebody else's file") << std::string(200, 'x');
  Open(100);
  EXPECT_EQ(CountFiles(), 1);
}

TEST_F(BlobCacheTest, ManyAtOnceFetchOneBlobOnlyOnce) {
  const v1::BlobRef ref = source_.Add(std::string(3000, 'x'));
  std::vector<std::thread> threads;
  std::atomic<int> good = 0;
  for (int i = 0; i < 8; ++i) {
    threads.emplace_back([&] {
      const absl::StatusOr<CachedBlob> blob = Open(10'000).Fetch(ref, source_, never_);
      if (blob.ok() && base::Sha256OfFile(blob->path()).value_or("") == ref.digest()) ++good;
    });
  }
  for (std::thread& thread : threads) thread.join();
  EXPECT_EQ(good, 8);
  EXPECT_THAT(source_.offsets(), ElementsAre(0));
  EXPECT_EQ(CountFiles(), 1);
}

TEST_F(BlobCacheTest, ManyAtOnceInACacheTooSmallForAllGetWhatTheyAskFor) {
  std::vector<v1::BlobRef> refs;
  for (char c = 'a'; c < 'f'; ++c) refs.push_back(source_.Add(std::string(50, c)));
  std::vector<std::thread> threads;
  std::atomic<int> bad = 0;
  for (size_t t = 0; t < 4; ++t) {
    threads.emplace_back([&, t] {
      const BlobCache cache = Open(100);
      for (size_t i = 0; i < 50; ++i) {
        const v1::BlobRef& ref = refs[(i * (t + 1)) % refs.size()];
        const absl::StatusOr<CachedBlob> blob = cache.Fetch(ref, source_, never_);
        if (!blob.ok() || base::Sha256OfFile(blob->path()).value_or("") != ref.digest()) ++bad;
      }
    });
  }
  for (std::thread& thread : threads) thread.join();
  EXPECT_EQ(bad, 0);
}

TEST_F(BlobCacheTest, WaitingForAnotherWorkersDownloadCanBeStopped) {
  const v1::BlobRef ref = source_.Add("0123456789");
  absl::Notification reading;
  absl::Notification go_on;
  source_.DuringRead([&] {
    reading.Notify();
    go_on.WaitForNotification();
  });
  std::thread first([&] { EXPECT_THAT(Open().Fetch(ref, source_, never_), IsOk()); });
  reading.WaitForNotification();
  std::stop_source stop;
  stop.request_stop();
  EXPECT_THAT(Open().Fetch(ref, source_, stop.get_token()), StatusIs(absl::StatusCode::kCancelled, _));
  go_on.Notify();
  first.join();
  EXPECT_TRUE(Has(ref));
}

}  // namespace
}  // namespace joinery::worker
