#include "storage/sqlite/job_store.h"

#include <filesystem>
#include <memory>
#include <string>

#include "base/file.h"
#include "base/status.h"
#include "tests/storage/job_store_conformance.h"
#include "tests/testing/fake_clock.h"
#include "tests/testing/faulty_vfs.h"
#include "tests/testing/status_matchers.h"
#include "tests/testing/temporary_folder.h"

namespace joinery::storage {
namespace {

using ::joinery::testing::FakeClock;
using ::joinery::testing::FakeRandomSource;
using ::joinery::testing::FaultyVfs;
using ::joinery::testing::IsOk;
using ::joinery::testing::IsOkAndHolds;
using ::joinery::testing::StatusIs;
using ::joinery::testing::TemporaryFolder;

constexpr absl::Duration kTerm = absl::Seconds(15);

class SqliteHarness {
 public:
  SqliteHarness(const base::Clock& clock, RandomSource random)
      : store_(SqliteJobStore::Open({.path = folder_ / "joinery.db", .restart_grace = kTerm, .vfs = ""}, clock,
                                    std::move(random))
                   .value()) {}
  JobStore& store() { return *store_; }

 private:
  TemporaryFolder folder_;
  std::unique_ptr<SqliteJobStore> store_;
};

INSTANTIATE_TYPED_TEST_SUITE_P(Sqlite, JobStoreConformance, SqliteHarness);

class SqliteJobStoreTest : public ::testing::Test {
 protected:
  absl::StatusOr<std::unique_ptr<SqliteJobStore>> Open(const std::string& folder, const std::string& vfs = "") {
    return SqliteJobStore::Open({.path = folder + "/joinery.db", .restart_grace = kTerm, .vfs = vfs}, clock_,
                                FakeRandomSource(next_seed_++));
  }

  FakeClock clock_;
  TemporaryFolder folder_;
  unsigned next_seed_ = 1;
};

// A copy of the files while the store has them open is what a crash of the process leaves.
TEST_F(SqliteJobStoreTest, WhatWasAnsweredSurvivesACrash) {
  ASSERT_OK_AND_ASSIGN(const auto store, Open(folder_.path()));
  ASSERT_OK_AND_ASSIGN(const EnqueuedJob done, store->Enqueue({MakeSpec("a"), "a"}));
  ASSERT_OK_AND_ASSIGN(const auto first, store->Claim({"worker", "1"}, kTerm));
  ASSERT_THAT(store->Finish(first->token, MakeResult(), {}, 0), IsOk());
  ASSERT_OK_AND_ASSIGN(const EnqueuedJob running, store->Enqueue({MakeSpec("b"), "b"}));
  ASSERT_OK_AND_ASSIGN(const auto second, store->Claim({"worker", "1"}, kTerm));
  ASSERT_THAT(store->Extend(second->token, kTerm, {LogEvent("line")}, 0), IsOk());
  ASSERT_OK_AND_ASSIGN(const EnqueuedJob queued, store->Enqueue({MakeSpec("c"), "c"}));

  const TemporaryFolder copy;
  std::filesystem::copy(folder_.path(), copy.path(), std::filesystem::copy_options::recursive);
  ASSERT_OK_AND_ASSIGN(const auto reopened, Open(copy.path()));
  EXPECT_EQ(reopened->Get(done.job.id())->state(), v1::JOB_STATE_SUCCEEDED);
  EXPECT_EQ(reopened->Get(running.job.id())->state(), v1::JOB_STATE_RUNNING);
  EXPECT_EQ(reopened->Events(running.job.id(), 0, 10)->back().log().text(), "line");
  EXPECT_FALSE(reopened->Enqueue({MakeSpec("c"), "c"})->created);
  EXPECT_THAT(reopened->Finish(second->token, MakeResult(), {}, 0), IsOk());
  EXPECT_THAT(reopened->Finish(first->token, MakeResult(), {}, 0), IsOk());
}

TEST_F(SqliteJobStoreTest, RunningLeasesHaveAFullTermAfterARestart) {
  ASSERT_OK_AND_ASSIGN(auto store, Open(folder_.path()));
  ASSERT_THAT(store->Enqueue({MakeSpec("a"), "a"}), IsOk());
  ASSERT_OK_AND_ASSIGN(const auto lease, store->Claim({"worker", "1"}, kTerm));
  store.reset();
  clock_.Advance(absl::Hours(1));
  ASSERT_OK_AND_ASSIGN(store, Open(folder_.path()));
  clock_.Advance(kTerm - absl::Seconds(1));
  EXPECT_THAT(store->ExpireLeases(), IsOkAndHolds(::testing::IsEmpty()));
  EXPECT_THAT(store->Extend(lease->token, kTerm, {}, 0), IsOk());
  clock_.Advance(kTerm);
  EXPECT_THAT(store->ExpireLeases(), IsOkAndHolds(::testing::SizeIs(1)));
}

TEST_F(SqliteJobStoreTest, AFileThatIsNoDatabaseIsRefusedByName) {
  ASSERT_THAT(base::WriteFileAtomically(folder_ / "joinery.db", std::string(10'000, 'x')), IsOk());
  EXPECT_THAT(Open(folder_.path()), StatusIs(absl::StatusCode::kDataLoss, ::testing::HasSubstr("joinery.db")));
}

TEST_F(SqliteJobStoreTest, AFolderThatIsNotThereIsNamed) {
  EXPECT_THAT(Open(folder_ / "none"), StatusIs(absl::StatusCode::kPermissionDenied, ::testing::HasSubstr("none")));
}

// What a job's life answers before the disk fails must hold after it.
struct Life {
  std::string id;
  std::string token;
  bool finished = false;
};

absl::Status Live(JobStore& store, Life& life) {
  ASSIGN_OR_RETURN(const EnqueuedJob enqueued, store.Enqueue({MakeSpec("a"), "a"}));
  life.id = enqueued.job.id();
  ASSIGN_OR_RETURN(const std::optional<JobLease> lease, store.Claim({"worker", "1"}, kTerm));
  if (lease.has_value()) life.token = lease->token;
  RETURN_IF_ERROR(store.Extend(life.token, kTerm, {LogEvent("line"), ProgressEvent(0.5)}, 0).status());
  RETURN_IF_ERROR(store.Finish(life.token, MakeResult(), {LogEvent("last")}, 0).status());
  life.finished = true;
  return absl::OkStatus();
}

TEST_F(SqliteJobStoreTest, WhicheverWriteFailsWhatWasAnsweredHoldsAndTheRestCanBeDoneAgain) {
  FaultyVfs::Register();
  int failed = 0;
  for (int call = 1;; ++call) {
    SCOPED_TRACE(call);
    const TemporaryFolder folder;
    ASSERT_OK_AND_ASSIGN(auto store, Open(folder.path(), FaultyVfs::kName));
    FaultyVfs::FailFrom(call);
    Life life;
    const absl::Status status = Live(*store, life);
    store.reset();
    FaultyVfs::FailFrom(0);
    if (status.ok()) break;
    ++failed;
    EXPECT_THAT(status, StatusIs(absl::StatusCode::kResourceExhausted, ::testing::HasSubstr("joinery.db")));

    ASSERT_OK_AND_ASSIGN(store, Open(folder.path()));
    if (!life.id.empty()) {
      EXPECT_THAT(store->Get(life.id), IsOk());
    }
    // What failed may have happened all the same, as when an answer is lost. The worker that has its lease says again
    // that it finished; a lease that nobody heard of runs out.
    if (!life.token.empty()) {
      ASSERT_THAT(store->Finish(life.token, MakeResult(), {}, 0), IsOk());
    } else {
      clock_.Advance(kTerm);
      ASSERT_THAT(store->ExpireLeases(), IsOk());
      clock_.Advance(absl::Seconds(1));  // A job that lost its worker rests.
      ASSERT_THAT(Live(*store, life), IsOk());
    }
    ASSERT_OK_AND_ASSIGN(const std::vector<v1::JobEvent> events, store->Events(life.id, 0, 100));
    for (size_t i = 0; i < events.size(); ++i) EXPECT_EQ(events[i].sequence(), static_cast<int64_t>(i) + 1);
    EXPECT_EQ(events.back().job().state(), v1::JOB_STATE_SUCCEEDED);
  }
  EXPECT_GT(failed, 8);
}

}  // namespace
}  // namespace joinery::storage
