#include "server/maintenance/scrub.h"

#include <algorithm>
#include <fstream>
#include <string>
#include <vector>

#include "tests/server/maintenance/data_folder_fixture.h"
#include "tests/testing/fake_blob_store.h"
#include "tests/testing/fake_clock.h"

namespace joinery::server {
namespace {

using ::joinery::testing::IsOk;
using ::testing::ElementsAre;
using ::testing::IsEmpty;

class Notes : public Observer {
 public:
  void BlobDamaged(const std::string& digest) override { damaged.push_back(digest); }
  void BytesScrubbed(int64_t count) override { bytes += count; }
  void ScrubEnded(absl::Time now) override { ended.push_back(now); }

  std::vector<std::string> damaged;
  int64_t bytes = 0;
  std::vector<absl::Time> ended;
};

// Blobs in memory, and a clock that only pauses move.
class ScrubTest : public ::testing::Test {
 protected:
  // As a process that runs for so long.
  void RunFor(absl::Duration duration) {
    const absl::Time end = clock_.Now() + duration;
    EXPECT_THAT(ScrubUntilStopped(options_, blobs_, notes_, clock_,
                                  [&](absl::Duration pause) {
                                    clock_.Advance(std::min(pause, end - clock_.Now()));
                                    return clock_.Now() < end;
                                  }),
                IsOk());
  }

  joinery::testing::TemporaryFolder folder_;
  joinery::testing::FakeClock clock_;
  joinery::testing::FakeBlobStore blobs_;
  Notes notes_;
  ScrubOptions options_ = {.folder = folder_.path(), .period = absl::Hours(24), .bytes_per_second = 1 << 20};
};

TEST_F(ScrubTest, F34_ADamagedBlobIsFoundBeforeAnybodyAsksForIt) {
  const std::string good = blobs_.Put("good");
  const std::string bad = blobs_.Put("bad");
  RunFor(absl::Hours(1));
  EXPECT_THAT(notes_.damaged, IsEmpty());
  blobs_.Damage(bad);
  RunFor(absl::Hours(22));
  EXPECT_THAT(notes_.damaged, IsEmpty());
  RunFor(absl::Hours(2));
  EXPECT_THAT(notes_.damaged, ElementsAre(bad));
  EXPECT_EQ(blobs_.Open(bad).status().code(), absl::StatusCode::kNotFound);
  EXPECT_THAT(blobs_.Open(good), IsOk());
}

TEST_F(ScrubTest, EachRoundReadsAllBlobsOnce) {
  for (const char* bytes : {"a", "bc", "def"}) blobs_.Put(bytes);
  const absl::Time begin = clock_.Now();
  RunFor(absl::Hours(24 * 3) + absl::Hours(1));
  EXPECT_EQ(notes_.bytes, 4 * 6);
  ASSERT_EQ(notes_.ended.size(), 4U);
  EXPECT_LT(notes_.ended[0] - begin, absl::Seconds(1));
  EXPECT_GE(notes_.ended[1] - begin, absl::Hours(24));
  EXPECT_LT(notes_.ended[1] - begin, absl::Hours(24) + absl::Seconds(1));
}

TEST_F(ScrubTest, ItReadsNoFasterThanItMay) {
  for (int i = 0; i < 10; ++i) blobs_.Put(std::string(1 << 20, static_cast<char>('a' + i)));
  const absl::Time begin = clock_.Now();
  RunFor(absl::Hours(1));
  ASSERT_EQ(notes_.ended.size(), 1U);
  EXPECT_GE(notes_.ended[0] - begin, absl::Seconds(10));
  EXPECT_LT(notes_.ended[0] - begin, absl::Seconds(12));
}

TEST_F(ScrubTest, ARestartGoesOnWhereTheRoundWas) {
  for (int i = 0; i < 100; ++i) blobs_.Put(std::string(1 << 20, static_cast<char>(i)));
  // Ten processes, none of which lives for a round.
  for (int process = 0; process < 10 && notes_.ended.empty(); ++process) RunFor(absl::Seconds(20));
  EXPECT_EQ(notes_.ended.size(), 1U);
  // A blob in whose middle a process ends is read again.
  EXPECT_LE(notes_.bytes, int64_t{110} << 20);
}

TEST_F(ScrubTest, AFileThatSaysNothingOfItsProgressMeansFromTheBeginning) {
  blobs_.Put("abc");
  for (const char* said : {"", "x", "1 2 3", "12345678901234567890 ended", "1700000000 ../../x"}) {
    std::ofstream(folder_ / "scrub") << said;
    RunFor(absl::Seconds(10));
  }
  EXPECT_EQ(notes_.bytes, 5 * 3);
}

TEST_F(ScrubTest, AClockThatIsSetBackDelaysNoRoundByMoreThanAPeriod) {
  blobs_.Put("abc");
  RunFor(absl::Hours(1));
  clock_.Jump(-absl::Hours(24 * 365));
  RunFor(absl::Hours(25));
  EXPECT_EQ(notes_.ended.size(), 2U);
}

// On a real disk, in a real thread.
class ScrubberTest : public DataFolderTest, public Observer {
 protected:
  void BlobDamaged(const std::string& digest) override {
    EXPECT_EQ(digest, base::Sha256("model"));
    const absl::MutexLock lock(&mutex_);
    damaged_ = true;
  }
  void ScrubEnded(absl::Time /*now*/) override {
    const absl::MutexLock lock(&mutex_);
    ended_ = true;
  }

  absl::Mutex mutex_;
  bool damaged_ ABSL_GUARDED_BY(mutex_) = false;
  bool ended_ ABSL_GUARDED_BY(mutex_) = false;
};

TEST_F(ScrubberTest, F34_AFlippedBitIsTakenOutOfServiceInTheBackground) {
  std::filesystem::permissions(PathOf("model"), std::filesystem::perms::owner_all);
  std::ofstream(PathOf("model"), std::ios::in | std::ios::out) << "nodel";
  ScrubOptions options;
  options.folder = folder_.path();
  const Scrubber scrubber(options, *blobs_, *this, clock_);
  {
    const absl::MutexLock lock(&mutex_);
    mutex_.Await(absl::Condition(&ended_));
    EXPECT_TRUE(damaged_);
  }
  EXPECT_FALSE(Has("model"));
  for (const char* bytes : {"images", "artifact", "report", "unused"}) EXPECT_TRUE(Has(bytes)) << bytes;
  EXPECT_FALSE(std::filesystem::is_empty(folder_ / "quarantine"));
}

TEST_F(ScrubberTest, ItEndsAtOnceWhenTheServerDoes) {
  ScrubOptions options;
  options.folder = folder_.path();
  options.bytes_per_second = 1;
  const absl::Time begin = absl::Now();
  { const Scrubber scrubber(options, *blobs_, *this, clock_); }
  EXPECT_LT(absl::Now() - begin, absl::Seconds(30));
}

}  // namespace
}  // namespace joinery::server
