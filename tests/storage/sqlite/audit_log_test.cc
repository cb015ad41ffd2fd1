#include "storage/sqlite/audit_log.h"

#include <algorithm>
#include <memory>
#include <string>
#include <vector>

#include "storage/sqlite/blob_owners.h"
#include "storage/sqlite/job_store.h"
#include "tests/testing/fake_clock.h"
#include "tests/testing/fake_random_source.h"
#include "tests/testing/faulty_vfs.h"
#include "tests/testing/status_matchers.h"
#include "tests/testing/temporary_folder.h"

namespace joinery::storage {
namespace {

using ::joinery::testing::FaultyVfs;
using ::joinery::testing::IsOk;
using ::joinery::testing::IsOkAndHolds;
using ::joinery::testing::StatusIs;
using ::testing::ElementsAre;
using ::testing::HasSubstr;
using ::testing::IsEmpty;

constexpr absl::Duration kTerm = absl::Seconds(15);
const Actor kAnn = {.user = "ann", .project = "vision", .token_id = "0011", .peer = "ipv4:10.0.0.1:1"};

class AuditLogTest : public ::testing::Test {
 protected:
  void SetUp() override { Open(""); }

  void Open(const std::string& vfs) {
    const std::string path = folder_ / "joinery.db";
    store_.reset();
    store_ = *SqliteJobStore::Open({.path = path, .restart_grace = kTerm, .vfs = vfs}, clock_,
                                   joinery::testing::FakeRandomSource(1));
    owners_ = *SqliteBlobOwners::Open(path, clock_, store_->writer());
    audit_ = *SqliteAuditLog::Open(path, store_->writer());
  }

  absl::StatusOr<EnqueuedJob> Enqueue() {
    Submission submission = {.spec = {},
                             .request_id = std::to_string(++requests_),
                             .user = kAnn.user,
                             .project = kAnn.project,
                             .token_id = kAnn.token_id,
                             .peer = kAnn.peer};
    submission.spec.mutable_build()->set_model_name(submission.request_id);
    return store_->Enqueue(submission);
  }

  std::string Submit() {
    const auto enqueued = Enqueue();
    EXPECT_THAT(enqueued, IsOk());
    return enqueued->job.id();
  }

  std::vector<AuditEntry> List(const AuditQuery& query = {}) {
    const auto entries = audit_->List(query);
    EXPECT_THAT(entries, IsOk());
    return *entries;
  }

  // Oldest first.
  std::vector<std::string> Actions(const AuditQuery& query = {}) {
    std::vector<std::string> actions;
    for (const AuditEntry& entry : List(query)) actions.push_back(entry.action);
    std::reverse(actions.begin(), actions.end());
    return actions;
  }

  joinery::testing::FakeClock clock_;
  joinery::testing::TemporaryFolder folder_;
  std::unique_ptr<SqliteJobStore> store_;
  std::unique_ptr<SqliteBlobOwners> owners_;
  std::unique_ptr<SqliteAuditLog> audit_;
  int requests_ = 0;
};

TEST_F(AuditLogTest, U09_WhoWhatWhenAndFromWhereIsKeptOfJobs) {
  const std::string id = Submit();
  ASSERT_THAT(store_->Cancel(id, {.user = "root", .project = "ops", .token_id = "22", .peer = "unix:"}), IsOk());
  const std::vector<AuditEntry> entries = List();
  ASSERT_EQ(entries.size(), 2);
  EXPECT_EQ(entries[0].action, "job.cancel");
  EXPECT_EQ(entries[0].by.user, "root");
  EXPECT_EQ(entries[0].by.token_id, "22");
  EXPECT_EQ(entries[0].details, "user=ann");
  EXPECT_EQ(entries[1].action, "job.create");
  EXPECT_EQ(entries[1].subject, id);
  EXPECT_EQ(entries[1].time, clock_.Now());
  EXPECT_EQ(entries[1].by.user, "ann");
  EXPECT_EQ(entries[1].by.project, "vision");
  EXPECT_EQ(entries[1].by.token_id, "0011");
  EXPECT_EQ(entries[1].by.peer, "ipv4:10.0.0.1:1");
}

TEST_F(AuditLogTest, U09_JobsThatFailAreInItAndThoseThatAreSetAside) {
  const std::string failed = Submit();
  const std::string lost = Submit();
  const auto lease = store_->Claim({"lab-1", "1"}, kTerm);
  v1::Failure failure;
  failure.set_reason(v1::FAILURE_REASON_INVALID_MODEL);
  ASSERT_THAT(store_->Finish((*lease)->token, failure, {}, 0, {.user = "lab", .token_id = "33"}), IsOk());
  for (int attempt = 0; attempt < kMaxAttempts; ++attempt) {
    ASSERT_TRUE(store_->Claim({"lab-" + std::to_string(attempt + 2), "1"}, kTerm)->has_value());
    clock_.Advance(kTerm);
    ASSERT_THAT(store_->ExpireLeases(), IsOk());
    clock_.Advance(absl::Minutes(1));
  }
  const std::vector<AuditEntry> entries = List({.action = "job.fail"});
  ASSERT_EQ(entries.size(), 2);
  EXPECT_EQ(entries[0].subject, lost);
  EXPECT_EQ(entries[0].by.user, "server");
  EXPECT_EQ(entries[0].details, "reason=FAILURE_REASON_WORKER_LOST attempts=3 worker=lab-4 user=ann");
  EXPECT_EQ(entries[1].subject, failed);
  EXPECT_EQ(entries[1].by.user, "lab");
  EXPECT_THAT(entries[1].details, HasSubstr("INVALID_MODEL"));
}

TEST_F(AuditLogTest, U09_JobsThatSucceedAreInIt) {
  const std::string id = Submit();
  const auto lease = store_->Claim({"lab-1", "1"}, kTerm);
  ASSERT_THAT(store_->Finish((*lease)->token, v1::JobResult(), {}, 0, {.user = "lab", .token_id = "33"}), IsOk());
  EXPECT_THAT(Actions(), ElementsAre("job.create", "job.succeed"));
  EXPECT_EQ(List()[0].subject, id);
  EXPECT_EQ(List()[0].by.user, "lab");
  EXPECT_EQ(List()[0].details, "attempts=1 worker=lab-1 user=ann");
}

TEST_F(AuditLogTest, U09_BlobsDrainsAndDeletionsAreInIt) {
  const OwnedBlob blob = {.digest = std::string(64, 'a'), .size = 5};
  ASSERT_THAT(owners_->Add(kAnn, {blob}), IsOk());
  ASSERT_THAT(owners_->Add(kAnn, {blob}), IsOk());  // It has it already.
  ASSERT_THAT(owners_->Remove(ServerActor(), {blob.digest}), IsOk());
  ASSERT_THAT(store_->Claim({"lab", "1"}, kTerm), IsOk());
  ASSERT_THAT(store_->SetWorkerDrain("lab", true, kAnn), IsOk());
  ASSERT_THAT(store_->SetWorkerDrain("lab", false, kAnn), IsOk());
  EXPECT_FALSE(store_->SetWorkerDrain("nobody", true, kAnn).ok());
  ASSERT_THAT(store_->SetServerDrain(true, kAnn), IsOk());
  ASSERT_THAT(store_->SetServerDrain(false, kAnn), IsOk());
  ASSERT_THAT(store_->Cancel(Submit(), kAnn), IsOk());
  clock_.Advance(absl::Hours(2));
  ASSERT_THAT(store_->DeleteFinished(absl::Hours(1), 10), IsOkAndHolds(1));
  EXPECT_THAT(Actions(), ElementsAre("blob.upload", "blob.remove", "worker.drain", "worker.undrain", "server.drain",
                                     "server.undrain", "job.create", "job.cancel", "job.delete"));
  EXPECT_THAT(List({.subject = blob.digest}).back().details, "bytes=5");
}

TEST_F(AuditLogTest, ARepeatedSubmissionIsOneEntry) {
  Submit();
  --requests_;
  Submit();
  EXPECT_THAT(Actions(), ElementsAre("job.create"));
}

TEST_F(AuditLogTest, NothingIsDoneWithoutItsEntry) {
  const auto database = Database::Open(folder_ / "joinery.db", Durability::kProcessCrash, "");
  ASSERT_THAT((*database)->Execute("CREATE TRIGGER full BEFORE INSERT ON audit BEGIN SELECT RAISE(FAIL, 'full'); END"),
              IsOk());
  EXPECT_THAT(Enqueue(), StatusIs(absl::StatusCode::kInternal, HasSubstr("full")));
  EXPECT_EQ(store_->Counts()->queued, 0);
  EXPECT_FALSE(owners_->Add(kAnn, {{std::string(64, 'a'), 5}}).ok());
  EXPECT_EQ(owners_->UsageOf("vision")->bytes, 0);
}

// What is kept of a submission waits for the disk once, with the submission.
TEST_F(AuditLogTest, AnEntryCostsNoSyncOfItsOwn) {
  FaultyVfs::Register();
  Open(FaultyVfs::kName);
  Submit();
  FaultyVfs::FailFrom(0);
  Submit();
  EXPECT_EQ(FaultyVfs::Syncs(), 1);
  EXPECT_EQ(List().size(), 2);
}

TEST_F(AuditLogTest, TheNewestComeFirstInPagesAndCanBeChosen) {
  const absl::Time start = clock_.Now();
  std::vector<std::string> ids;
  for (int i = 0; i < 5; ++i) {
    ids.push_back(Submit());
    clock_.Advance(absl::Minutes(1));
  }
  const std::vector<AuditEntry> first = List({.limit = 2});
  ASSERT_EQ(first.size(), 2);
  EXPECT_EQ(first[0].subject, ids[4]);
  const std::vector<AuditEntry> second = List({.before = first[1].number, .limit = 2});
  ASSERT_EQ(second.size(), 2);
  EXPECT_EQ(second[0].subject, ids[2]);
  EXPECT_EQ(List({.since = start + absl::Minutes(3)}).size(), 2);
  EXPECT_EQ(List({.user = "ann", .action = "job."}).size(), 5);
  EXPECT_THAT(List({.user = "bob"}), IsEmpty());
  EXPECT_THAT(List({.action = "token"}), IsEmpty());
  EXPECT_EQ(List({.subject = ids[3]}).size(), 1);
}

TEST_F(AuditLogTest, OldEntriesGo) {
  Submit();
  clock_.Advance(absl::Hours(48));
  const std::string newer = Submit();
  EXPECT_THAT(audit_->DeleteBefore(clock_.Now() - absl::Hours(24), 10), IsOkAndHolds(1));
  EXPECT_THAT(audit_->DeleteBefore(clock_.Now() - absl::Hours(24), 10), IsOkAndHolds(0));
  ASSERT_EQ(List().size(), 1);
  EXPECT_EQ(List()[0].subject, newer);
  // Numbers are not given twice: whoever reads on from one misses nothing.
  EXPECT_EQ(List()[0].number, 2);
}

}  // namespace
}  // namespace joinery::storage
