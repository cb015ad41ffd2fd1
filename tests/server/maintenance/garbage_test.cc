#include "server/maintenance/garbage.h"

#include <algorithm>
#include <atomic>
#include <thread>
#include <vector>

#include "base/status.h"
#include "server/maintenance/housekeeper.h"
#include "server/maintenance/housekeeping_lock.h"
#include "server/maintenance/stored_data.h"
#include "tests/server/maintenance/data_folder_fixture.h"

namespace joinery::server {
namespace {

using ::joinery::testing::IsOk;
using ::joinery::testing::IsOkAndHolds;

class GarbageTest : public DataFolderTest {
 protected:
  void SetUp() override {
    DataFolderTest::SetUp();
    for (const char* bytes : {"model", "images", "artifact", "report", "unused"}) Age(bytes, std::chrono::hours(100));
  }

  absl::StatusOr<GarbageReport> Collect() {
    HousekeepingOptions options;
    options.folder = folder_.path();
    return KeepHouse(options, *blobs_, *access_, clock_.Now());
  }
};

TEST_F(GarbageTest, OnlyWhatNoJobRefersToIsRemoved) {
  ASSERT_OK_AND_ASSIGN(const GarbageReport report, Collect());
  EXPECT_EQ(report.blobs, 1);
  EXPECT_EQ(report.bytes, 6);
  EXPECT_FALSE(Has("unused"));
  for (const char* bytes : {"model", "images", "artifact", "report"}) EXPECT_TRUE(Has(bytes)) << bytes;
  // Its owner has its room back, and can upload it again.
  EXPECT_EQ(owners_->UsageOf("default")->blobs, 4);
  EXPECT_THAT(Put("unused"), IsOk());
  EXPECT_EQ(owners_->UsageOf("default")->blobs, 5);
}

TEST_F(GarbageTest, F35_WhatWasFoundOrUploadedLatelyStays) {
  EXPECT_THAT(access_->Use("default", base::Sha256("unused")), IsOkAndHolds(::testing::Optional(int64_t{6})));
  EXPECT_EQ(Collect()->blobs, 0);
  Age("unused", std::chrono::hours(100));
  ASSERT_THAT(Put("unused"), IsOk());
  EXPECT_EQ(Collect()->blobs, 0);
  EXPECT_TRUE(Has("unused"));
}

TEST_F(GarbageTest, F35_ADownloadThatRunsEndsWell) {
  ASSERT_OK_AND_ASSIGN(const auto reader, access_->Open(access::LocalCaller(), base::Sha256("unused")));
  EXPECT_EQ(Collect()->blobs, 1);
  EXPECT_THAT(reader->Read(0, 100), IsOkAndHolds("unused"));
}

TEST_F(GarbageTest, F35_NothingIsRemovedWhileABackupNeedsAllBlobs) {
  ASSERT_OK_AND_ASSIGN(auto lock, LockToKeepBlobs(folder_.path()));
  EXPECT_EQ(Collect()->blobs, 0);
  lock = base::UniqueFd();
  EXPECT_EQ(Collect()->blobs, 1);
}

TEST_F(GarbageTest, F35_ACollectionThatFailsHalfWayLosesNothingThatIsNeeded) {
  for (int call = 1;; ++call) {
    file_system_.FailCall(call, base::ErrnoStatus(EIO, "the disk"));
    const bool done = Collect().ok();
    file_system_.FailCall(0, absl::OkStatus());
    for (const char* bytes : {"model", "images", "artifact", "report"}) EXPECT_TRUE(Has(bytes)) << bytes;
    if (done) break;
  }
  EXPECT_FALSE(Has("unused"));
}

// A blob that FindMissing said is there, or that an upload has ended with, is there until its job is made.
TEST_F(GarbageTest, F35_CollectionsAndUploadsOfOneBlobAtATimeLoseNothing) {
  std::atomic<bool> stop = false;
  std::thread collector([&] {
    while (!stop) {
      EXPECT_THAT(CollectGarbage(*blobs_, *access_, ReferencesIn(folder_.path()), clock_.Now() - absl::Seconds(30),
                                 absl::InfinitePast()),
                  IsOk());
    }
  });
  for (int i = 0; i < 50; ++i) {
    EXPECT_THAT(Put("unused"), IsOk());
    ASSERT_OK_AND_ASSIGN(const auto size, access_->Use("default", base::Sha256("unused")));
    EXPECT_EQ(size, 6) << i;
    Age("unused", std::chrono::hours(1));
  }
  stop = true;
  collector.join();
}

// Has `entries` old entries.
class FakeAuditLog : public storage::AuditLog {
 public:
  explicit FakeAuditLog(int entries) : entries_(entries) {}

  absl::StatusOr<std::vector<storage::AuditEntry>> List(const storage::AuditQuery& /*query*/) override {
    return std::vector<storage::AuditEntry>();
  }

  absl::StatusOr<int> DeleteBefore(absl::Time time, int limit) override {
    age_hours_ = absl::ToInt64Hours(absl::Now() - time);
    const int deleted = std::min(limit, entries_.load());
    entries_ -= deleted;
    return deleted;
  }

  int entries() const { return entries_; }
  // Of what was deleted at the least.
  int64_t age_hours() const { return age_hours_; }

 private:
  std::atomic<int> entries_;
  std::atomic<int64_t> age_hours_ = 0;
};

TEST_F(GarbageTest, AHousekeeperCutsTheAuditLogHoweverLongItIs) {
  FakeAuditLog log(2500);
  HousekeepingOptions options;
  options.folder = folder_.path();
  options.period = absl::Milliseconds(5);
  options.audit_log = &log;
  options.keep_audit = absl::Hours(24);
  const Housekeeper housekeeper(options, *blobs_, *access_, clock_);
  const absl::Time deadline = absl::Now() + absl::Seconds(20);
  while (log.entries() > 0 && absl::Now() < deadline) absl::SleepFor(absl::Milliseconds(2));
  EXPECT_EQ(log.entries(), 0);
  EXPECT_EQ(log.age_hours(), 24);
}

TEST_F(GarbageTest, AHousekeeperCollectsByItself) {
  HousekeepingOptions options;
  options.folder = folder_.path();
  options.period = absl::Milliseconds(5);
  const Housekeeper housekeeper(options, *blobs_, *access_, clock_);
  const absl::Time deadline = absl::Now() + absl::Seconds(20);
  while (Has("unused") && absl::Now() < deadline) absl::SleepFor(absl::Milliseconds(2));
  EXPECT_FALSE(Has("unused"));
  EXPECT_TRUE(Has("model"));
}

}  // namespace
}  // namespace joinery::server
