// Limits that administrators set, where jobs are taken and given, and what is told of use and of the line.
#include "storage/sqlite/quotas.h"

#include <memory>
#include <optional>
#include <string>

#include "storage/sqlite/access_store.h"
#include "storage/sqlite/blob_owners.h"
#include "storage/sqlite/job_store.h"
#include "tests/testing/fake_clock.h"
#include "tests/testing/fake_random_source.h"
#include "tests/testing/status_matchers.h"
#include "tests/testing/temporary_folder.h"

namespace joinery::storage {
namespace {

using ::joinery::testing::IsOk;
using ::joinery::testing::IsOkAndHolds;
using ::joinery::testing::StatusIs;
using ::testing::AllOf;
using ::testing::ElementsAre;
using ::testing::HasSubstr;

constexpr absl::Duration kTerm = absl::Seconds(15);

class QuotasTest : public ::testing::Test {
 protected:
  void SetUp() override { Open({}); }

  void Open(const QueueLimits& defaults) {
    store_.reset();
    const std::string path = folder_ / "joinery.db";
    store_ = *SqliteJobStore::Open({.path = path, .restart_grace = kTerm, .vfs = "", .limits = defaults}, clock_,
                                   joinery::testing::FakeRandomSource(++seed_));
    accounts_ = *SqliteAccessStore::Open({.path = path, .vfs = ""});
    owners_ = *SqliteBlobOwners::Open(path, clock_, store_->writer());
  }

  absl::StatusOr<EnqueuedJob> Enqueue(const std::string& user, const std::string& project = "default") {
    Submission submission = {.spec = {}, .request_id = std::to_string(++requests_), .user = user, .project = project};
    submission.spec.mutable_build()->set_model_name(submission.request_id);
    return store_->Enqueue(submission);
  }

  std::string Submit(const std::string& user, const std::string& project = "default") {
    const auto enqueued = Enqueue(user, project);
    EXPECT_THAT(enqueued, IsOk());
    return enqueued->job.id();
  }

  // A lease with an empty token if there is nothing to do.
  JobLease Claim() { return store_->Claim({"worker", "1"}, kTerm)->value_or(JobLease{}); }

  void Limit(LimitKind kind, const std::string& name, const Limits& limits) {
    ASSERT_THAT(accounts_->SetLimits({kind, name}, limits, {}), IsOk());
  }

  std::string ReasonOf(const std::string& id) {
    const auto line = store_->InLine(100);
    EXPECT_THAT(line, IsOk());
    for (const JobInLine& job : *line) {
      if (job.id == id) return job.reason;
    }
    return "not in line";
  }

  joinery::testing::FakeClock clock_;
  joinery::testing::TemporaryFolder folder_;
  std::unique_ptr<SqliteJobStore> store_;
  std::unique_ptr<SqliteAccessStore> accounts_;
  std::unique_ptr<SqliteBlobOwners> owners_;
  unsigned seed_ = 0;
  int requests_ = 0;
};

TEST_F(QuotasTest, C05_AChangedQueueQuotaHoldsAtOnceForUsersAndProjects) {
  Limit(LimitKind::kUser, "ann", {.queued_jobs = 1});
  Submit("ann");
  EXPECT_THAT(Enqueue("ann"), StatusIs(absl::StatusCode::kResourceExhausted,
                                       AllOf(HasSubstr("user ann has 1 jobs queued"), HasSubstr("limit is 1"))));
  Limit(LimitKind::kUser, "ann", {.queued_jobs = 2});
  Submit("ann");
  Limit(LimitKind::kProject, "default", {.queued_jobs = 3});
  Submit("bob");
  EXPECT_THAT(Enqueue("bob"), StatusIs(absl::StatusCode::kResourceExhausted,
                                       AllOf(HasSubstr("project default has 3 jobs queued"), HasSubstr("limit is 3"))));
  Submit("bob", "other");
  Limit(LimitKind::kUser, "bob", {.queued_jobs = 0});
  EXPECT_THAT(Enqueue("bob", "other"), StatusIs(absl::StatusCode::kResourceExhausted, HasSubstr("limit is 0")));
}

TEST_F(QuotasTest, C05_OwnLimitsGoBeforeThoseOfAllAndThoseBeforeTheServersDefaults) {
  Open({.max_queued_per_user = 1, .max_running_per_user = 1});
  Submit("ann");
  EXPECT_THAT(Enqueue("ann"), StatusIs(absl::StatusCode::kResourceExhausted, HasSubstr("limit is 1")));
  Limit(LimitKind::kUser, "*", {.queued_jobs = 2, .running_jobs = 2});
  Submit("ann");
  EXPECT_THAT(Enqueue("ann"), StatusIs(absl::StatusCode::kResourceExhausted, HasSubstr("limit is 2")));
  Limit(LimitKind::kUser, "ann", {.queued_jobs = 3});
  Submit("ann");
  EXPECT_NE(Claim().token, "");
  EXPECT_NE(Claim().token, "");
  EXPECT_EQ(Claim().token, "");
  Limit(LimitKind::kUser, "ann", {.running_jobs = 3});
  EXPECT_NE(Claim().token, "");
}

TEST_F(QuotasTest, C05_AFullProjectKeepsNobodysOtherProjectsWaiting) {
  Limit(LimitKind::kProject, "vision", {.running_jobs = 1});
  const std::string first = Submit("ann", "vision");
  const std::string second = Submit("ann", "vision");
  const std::string other = Submit("ann", "speech");
  EXPECT_EQ(Claim().job.id(), first);
  EXPECT_EQ(Claim().job.id(), other);
  EXPECT_EQ(Claim().token, "");
  EXPECT_EQ(ReasonOf(second), "project vision has 1 jobs running, the limit is 1");
  Limit(LimitKind::kProject, "vision", {});
  EXPECT_EQ(ReasonOf(second), "waits for a worker to be free");
  EXPECT_EQ(Claim().job.id(), second);
}

TEST_F(QuotasTest, TheLineTellsTheOrderOfTurnsAndWhyEachWaits) {
  Limit(LimitKind::kUser, "ann", {.running_jobs = 1});
  Submit("ann");
  const std::string running = Claim().job.id();
  const std::string ann = Submit("ann");
  const std::string ann_later = Submit("ann");
  const std::string bob = Submit("bob");
  const auto line = store_->InLine(2);
  ASSERT_THAT(line, IsOk());
  ASSERT_EQ(line->size(), 2);
  EXPECT_EQ((*line)[0].id, bob);
  EXPECT_EQ((*line)[0].reason, "waits for a worker to be free");
  EXPECT_EQ((*line)[1].id, ann);
  EXPECT_EQ((*line)[1].reason, "user ann has 1 jobs running, the limit is 1");
  EXPECT_EQ((*line)[1].created_at, clock_.Now());
  EXPECT_EQ(store_->InLine(10)->size(), 3);
  EXPECT_EQ(ReasonOf(running), "not in line");
  clock_.Advance(kTerm + absl::Seconds(1));
  ASSERT_THAT(store_->ExpireLeases(), IsOk());
  EXPECT_THAT(ReasonOf(running), HasSubstr("after an attempt that failed"));
  EXPECT_EQ(ReasonOf(ann_later), "waits for a worker to be free");
}

TEST_F(QuotasTest, U04_ADrainedServerGivesNoJobsAlsoAfterARestartAndSaysSo) {
  const std::string id = Submit("ann");
  ASSERT_THAT(store_->SetServerDrain(true, ServerActor()), IsOk());
  EXPECT_EQ(Claim().token, "");
  Open({});
  EXPECT_THAT(store_->IsServerDrained(), IsOkAndHolds(true));
  EXPECT_EQ(Claim().token, "");
  ASSERT_THAT(store_->NoteWaiting(absl::Seconds(8), 10), IsOkAndHolds(ElementsAre(id)));
  EXPECT_THAT(store_->Get(id)->waiting_reason(), HasSubstr("administrator"));
  EXPECT_THAT(ReasonOf(id), HasSubstr("administrator"));
  Submit("ann");  // It takes jobs still.
  ASSERT_THAT(store_->SetServerDrain(false, ServerActor()), IsOk());
  EXPECT_EQ(Claim().job.id(), id);
}

TEST_F(QuotasTest, UseCountsJobsOfUsersAndProjectsAndTheBlobsThatTheyBrought) {
  Submit("ann", "vision");
  Submit("ann", "speech");
  Claim();
  ASSERT_THAT(owners_->Add({.user = "ann", .project = "vision"}, {{std::string(64, 'a'), 5}}), IsOk());
  ASSERT_THAT(
      owners_->Add({.user = "bob", .project = "vision"}, {{std::string(64, 'a'), 5}, {std::string(64, 'b'), 7}}),
      IsOk());
  EXPECT_THAT(accounts_->UseOf({LimitKind::kUser, "ann"}),
              IsOkAndHolds(Use{.blob_bytes = 5, .queued_jobs = 1, .running_jobs = 1}));
  EXPECT_THAT(accounts_->UseOf({LimitKind::kUser, "bob"}), IsOkAndHolds(Use{.blob_bytes = 7}));
  EXPECT_EQ(accounts_->UseOf({LimitKind::kProject, "vision"})->blob_bytes, 12);
  ASSERT_THAT(owners_->Remove(ServerActor(), {std::string(64, 'a')}), IsOk());
  EXPECT_EQ(accounts_->UseOf({LimitKind::kUser, "ann"})->blob_bytes, 0);

  const auto users = accounts_->Users(clock_.Now());
  ASSERT_THAT(users, IsOk());
  ASSERT_EQ(users->size(), 2);
  EXPECT_EQ((*users)[0].name, "ann");
  EXPECT_THAT((*users)[0].projects, ElementsAre("speech", "vision"));
  EXPECT_EQ((*users)[0].use, (Use{.blob_bytes = 0, .queued_jobs = 1, .running_jobs = 1}));
  EXPECT_EQ((*users)[1].use, Use{.blob_bytes = 7});
  const auto projects = accounts_->Projects(clock_.Now());
  ASSERT_THAT(projects, IsOk());
  ASSERT_EQ(projects->size(), 2);
  EXPECT_EQ((*projects)[1].name, "vision");
  EXPECT_EQ((*projects)[1].use.blob_bytes, 7);
}

}  // namespace
}  // namespace joinery::storage
