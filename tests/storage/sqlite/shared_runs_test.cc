// Identical jobs share one run. The names are those of the reliability checklist in docs/.
#include "storage/sqlite/shared_runs.h"

#include <memory>
#include <optional>
#include <string>
#include <utility>
#include <vector>

#include "storage/sqlite/job_store.h"
#include "tests/testing/fake_clock.h"
#include "tests/testing/fake_random_source.h"
#include "tests/testing/status_matchers.h"
#include "tests/testing/temporary_folder.h"

namespace joinery::storage {
namespace {

using ::joinery::testing::IsOk;
using ::testing::ElementsAre;
using ::testing::HasSubstr;

constexpr absl::Duration kTerm = absl::Seconds(15);

v1::JobEvent Stage(const std::string& stage) {
  v1::JobEvent event;
  event.mutable_progress()->set_stage(stage);
  return event;
}

v1::JobEvent Line(const std::string& text) {
  v1::JobEvent event;
  event.mutable_log()->set_text(text);
  return event;
}

v1::JobResult MakeResult() {
  v1::JobResult result;
  result.mutable_artifact()->set_digest(std::string(64, 'a'));
  result.mutable_report()->set_digest(std::string(64, 'b'));
  return result;
}

v1::Failure FailureOf(v1::FailureReason reason) {
  v1::Failure failure;
  failure.set_reason(reason);
  failure.set_message("what was wrong");
  return failure;
}

v1::JobOptions FinishWithin(int64_t seconds) {
  v1::JobOptions options;
  options.mutable_finish_within()->set_seconds(seconds);
  return options;
}

class SharedRunsTest : public ::testing::Test {
 protected:
  void SetUp() override { Open(); }

  void Open() {
    store_.reset();
    auto store = SqliteJobStore::Open({.path = folder_ / "joinery.db", .restart_grace = kTerm, .vfs = ""}, clock_,
                                      joinery::testing::FakeRandomSource(++seed_));
    ASSERT_THAT(store, IsOk());
    store_ = *std::move(store);
    store_->OnSharedChange([this](const v1::Job& job) { told_.push_back(job.id()); });
  }

  // A job that is like all others but for what is given here; its id.
  std::string Submit(const v1::JobOptions& options = {}, const std::string& user = "ann",
                     const std::string& project = "default") {
    Submission submission = {.spec = {}, .request_id = "", .options = options, .user = user, .project = project};
    submission.spec.mutable_build()->set_model_name("same");
    submission.request_id = std::to_string(++requests_);
    const auto enqueued = store_->Enqueue(submission);
    EXPECT_THAT(enqueued, IsOk());
    return enqueued->job.id();
  }

  JobLease Claim(const std::string& worker = "worker") {
    auto lease = store_->Claim({worker, "1"}, kTerm);
    EXPECT_THAT(lease, IsOk());
    return lease->value_or(JobLease{});
  }

  v1::Job Get(const std::string& id) { return *store_->Get(id); }
  v1::JobState StateOf(const std::string& id) { return Get(id).state(); }

  // "QUEUED RUNNING progress log SUCCEEDED", of events whose numbers are without gaps.
  std::vector<std::string> History(const std::string& id) {
    std::vector<std::string> history;
    const std::vector<v1::JobEvent> events = *store_->Events(id, 0, 1000);
    for (const v1::JobEvent& event : events) {
      EXPECT_EQ(event.sequence(), static_cast<int64_t>(history.size()) + 1);
      if (event.has_job()) {
        EXPECT_EQ(event.job().id(), id);
        history.push_back(v1::JobState_Name(event.job().state()).substr(10));
      } else {
        history.push_back(event.has_log() ? event.log().text() : event.progress().stage());
      }
    }
    return history;
  }

  joinery::testing::FakeClock clock_;
  joinery::testing::TemporaryFolder folder_;
  std::unique_ptr<SqliteJobStore> store_;
  std::vector<std::string> told_;
  unsigned seed_ = 0;
  int requests_ = 0;
};

TEST_F(SharedRunsTest, C06_AJobLikeARunningOneSharesItsRunAndEndsWithIt) {
  const std::string first = Submit();
  const JobLease lease = Claim();
  const std::string second = Submit();
  EXPECT_EQ(StateOf(second), v1::JOB_STATE_RUNNING);
  EXPECT_EQ(Get(second).merged_with(), first);
  EXPECT_EQ(Get(second).worker(), "worker");
  EXPECT_TRUE(Claim("idle").token.empty());

  ASSERT_OK_AND_ASSIGN(const LeaseRenewal renewal,
                       store_->Extend(lease.token, kTerm, {Stage("calibrate"), Line("a line")}, 1));
  EXPECT_EQ(renewal.job_id, first);
  EXPECT_THAT(renewal.sharing, ElementsAre(second));
  EXPECT_EQ(Get(second).progress().stage(), "calibrate");
  ASSERT_THAT(store_->Finish(lease.token, MakeResult(), {Line("the last")}, 3), IsOk());
  EXPECT_THAT(told_, ElementsAre(second));

  EXPECT_THAT(History(first), ElementsAre("QUEUED", "RUNNING", "calibrate", "a line", "the last", "SUCCEEDED"));
  EXPECT_EQ(History(second), History(first));
  EXPECT_EQ(Get(second).result().artifact().digest(), std::string(64, 'a'));
  EXPECT_EQ(Get(second).answered_from(), first);
  EXPECT_EQ(Get(second).merged_with(), first);
  EXPECT_EQ(Get(second).attempt_log(0).end(), "succeeded");
  EXPECT_EQ(Get(second).attempt_log(0).stages(0).stage(), "calibrate");
  EXPECT_EQ(Get(first).merged_with(), "");
  EXPECT_EQ(store_->Counts()->running, 0);
}

TEST_F(SharedRunsTest, C06_QueuedJobsKeepTheirPlacesUntilOneOfThemRuns) {
  const std::string anns = Submit({}, "ann");
  const std::string bobs = Submit({}, "bob");
  EXPECT_EQ(StateOf(bobs), v1::JOB_STATE_QUEUED);
  EXPECT_EQ(Claim().job.id(), anns);
  EXPECT_EQ(StateOf(bobs), v1::JOB_STATE_RUNNING);
  EXPECT_EQ(Get(bobs).merged_with(), anns);
  EXPECT_THAT(told_, ElementsAre(bobs));
  EXPECT_EQ(store_->Counts()->queued, 0);
}

TEST_F(SharedRunsTest, C06_OnlyWhatIsTheSameShares) {
  Submit();
  Claim();
  v1::JobOptions fresh;
  fresh.set_fresh(true);
  v1::JobOptions demanding;
  demanding.mutable_requirements()->set_cpus(4);
  v1::JobOptions short_of_time;
  short_of_time.mutable_max_attempt_duration()->set_seconds(5);
  EXPECT_EQ(StateOf(Submit(fresh)), v1::JOB_STATE_QUEUED);
  EXPECT_EQ(StateOf(Submit(demanding)), v1::JOB_STATE_QUEUED);
  EXPECT_EQ(StateOf(Submit(short_of_time)), v1::JOB_STATE_QUEUED);
  EXPECT_EQ(StateOf(Submit({}, "ann", "other")), v1::JOB_STATE_QUEUED);
}

TEST_F(SharedRunsTest, C06_TheRunOfAnOlderCompilerIsNotShared) {
  Submit();
  Claim();
  // A newer one may do better.
  ASSERT_THAT(store_->Claim({"newer", "2", {}}, kTerm), IsOk());
  EXPECT_EQ(StateOf(Submit()), v1::JOB_STATE_QUEUED);
}

TEST_F(SharedRunsTest, C06_NoMoreThanAHundredShareARun) {
  Submit();
  Claim();
  for (int i = 0; i < 100; ++i) EXPECT_EQ(StateOf(Submit()), v1::JOB_STATE_RUNNING);
  EXPECT_EQ(StateOf(Submit()), v1::JOB_STATE_QUEUED);
}

TEST_F(SharedRunsTest, C06_OneThatIsCancelledLeavesTheRunToTheOthers) {
  const std::string first = Submit();
  const JobLease lease = Claim();
  const std::string second = Submit();
  ASSERT_THAT(store_->Cancel(second), IsOk());
  EXPECT_EQ(StateOf(second), v1::JOB_STATE_CANCELLED);
  EXPECT_EQ(Get(second).attempt_log(0).end(), "cancelled");
  EXPECT_FALSE(store_->Extend(lease.token, kTerm, {}, 0)->cancel_requested);
  ASSERT_THAT(store_->Finish(lease.token, MakeResult(), {}, 0), IsOk());
  EXPECT_EQ(StateOf(first), v1::JOB_STATE_SUCCEEDED);
  EXPECT_THAT(History(second), ElementsAre("QUEUED", "RUNNING", "CANCELLED"));
}

TEST_F(SharedRunsTest, C06_TheRunGoesOnWhenTheOneThatBeganItIsCancelled) {
  const std::string first = Submit();
  const JobLease lease = Claim();
  const std::string second = Submit();
  const std::string third = Submit();
  ASSERT_THAT(store_->Extend(lease.token, kTerm, {Line("one"), Line("two")}, 1), IsOk());
  ASSERT_OK_AND_ASSIGN(const v1::Job cancelled, store_->Cancel(first));
  EXPECT_EQ(cancelled.state(), v1::JOB_STATE_CANCELLED);
  EXPECT_THAT(told_, ElementsAre(second));
  EXPECT_EQ(Get(second).merged_with(), "");
  EXPECT_EQ(Get(third).merged_with(), second);

  // The worker goes on, and what it sends again is still not kept twice.
  ASSERT_OK_AND_ASSIGN(const LeaseRenewal renewal, store_->Extend(lease.token, kTerm, {Line("two"), Line("three")}, 2));
  EXPECT_EQ(renewal.job_id, second);
  EXPECT_FALSE(renewal.cancel_requested);
  ASSERT_THAT(store_->Finish(lease.token, MakeResult(), {}, 0), IsOk());
  EXPECT_THAT(History(first), ElementsAre("QUEUED", "RUNNING", "one", "two", "CANCELLED"));
  EXPECT_THAT(History(second),
              ElementsAre("QUEUED", "RUNNING", "one", "two", HasSubstr("the run goes on"), "three", "SUCCEEDED"));
  EXPECT_EQ(StateOf(third), v1::JOB_STATE_SUCCEEDED);
  EXPECT_EQ(Get(third).answered_from(), second);
  EXPECT_EQ(Get(second).answered_from(), "");
}

TEST_F(SharedRunsTest, C06_TheLastOneThatIsCancelledStopsTheRun) {
  const std::string first = Submit();
  const JobLease lease = Claim();
  const std::string second = Submit();
  ASSERT_THAT(store_->Cancel(first), IsOk());
  ASSERT_THAT(store_->Cancel(second), IsOk());
  EXPECT_EQ(StateOf(second), v1::JOB_STATE_RUNNING);
  EXPECT_TRUE(store_->Extend(lease.token, kTerm, {}, 0)->cancel_requested);
  // Nobody joins a run that is being stopped.
  EXPECT_EQ(StateOf(Submit()), v1::JOB_STATE_QUEUED);
  ASSERT_THAT(store_->Finish(lease.token, Cancelled{}, {}, 0), IsOk());
  EXPECT_EQ(StateOf(second), v1::JOB_STATE_CANCELLED);
}

TEST_F(SharedRunsTest, C06_AFailureIsThatOfAllWhoSharedTheRunAndOfNobodyLater) {
  const std::string first = Submit();
  const JobLease lease = Claim();
  const std::string second = Submit();
  ASSERT_THAT(store_->Finish(lease.token, FailureOf(v1::FAILURE_REASON_INVALID_MODEL), {}, 0), IsOk());
  EXPECT_EQ(Get(second).failure().reason(), v1::FAILURE_REASON_INVALID_MODEL);
  EXPECT_EQ(Get(second).answered_from(), "");
  EXPECT_EQ(StateOf(Submit()), v1::JOB_STATE_QUEUED);
}

TEST_F(SharedRunsTest, C06_ALostWorkerQueuesAllAgainAndThreeEndThemAlike) {
  const std::string first = Submit();
  Claim("one");
  const std::string second = Submit();
  for (const char* worker : {"two", "three"}) {
    clock_.Advance(kTerm);
    ASSERT_THAT(store_->ExpireLeases(), IsOk());
    EXPECT_EQ(StateOf(first), v1::JOB_STATE_QUEUED);
    EXPECT_EQ(StateOf(second), v1::JOB_STATE_QUEUED);
    EXPECT_EQ(Get(second).merged_with(), "");
    clock_.Advance(absl::Minutes(1));  // They rest.
    EXPECT_FALSE(Claim(worker).token.empty());
    EXPECT_EQ(StateOf(second), v1::JOB_STATE_RUNNING);
  }
  clock_.Advance(kTerm);
  ASSERT_OK_AND_ASSIGN(const std::vector<v1::Job> expired, store_->ExpireLeases());
  EXPECT_EQ(expired.size(), 2);
  for (const std::string& id : {first, second}) {
    EXPECT_EQ(Get(id).failure().reason(), v1::FAILURE_REASON_WORKER_LOST);
    EXPECT_EQ(Get(id).attempts(), 3);
  }
}

TEST_F(SharedRunsTest, C06_AWorkerThatGoesAwayQueuesAllAgainWithoutAnAttempt) {
  const std::string first = Submit();
  const JobLease lease = Claim();
  const std::string second = Submit();
  ASSERT_THAT(store_->Finish(lease.token, Released{}, {}, 0), IsOk());
  for (const std::string& id : {first, second}) {
    EXPECT_EQ(StateOf(id), v1::JOB_STATE_QUEUED);
    EXPECT_EQ(Get(id).attempts(), 0);
  }
}

TEST_F(SharedRunsTest, C06_ADeadlineEndsOnlyTheJobThatHasIt) {
  Submit();
  const JobLease lease = Claim();
  const std::string second = Submit(FinishWithin(5));
  EXPECT_EQ(StateOf(second), v1::JOB_STATE_RUNNING);
  clock_.Advance(absl::Seconds(6));
  ASSERT_OK_AND_ASSIGN(const std::vector<v1::Job> expired, store_->ExpireLeases());
  ASSERT_EQ(expired.size(), 1);
  EXPECT_EQ(expired[0].id(), second);
  EXPECT_EQ(expired[0].failure().reason(), v1::FAILURE_REASON_DEADLINE_PASSED);
  EXPECT_THAT(store_->Extend(lease.token, kTerm, {}, 0), IsOk());
}

TEST_F(SharedRunsTest, C06_TheRunOfAJobWithADeadlineIsNotShared) {
  Submit(FinishWithin(5));
  Claim();
  EXPECT_EQ(StateOf(Submit()), v1::JOB_STATE_QUEUED);
}

TEST_F(SharedRunsTest, C06_TheLeaseOfARunThatPassedToAJobWithADeadlineEndsWithIt) {
  const std::string first = Submit();
  const JobLease lease = Claim();
  const std::string hasty = Submit(FinishWithin(5));
  const std::string patient = Submit(FinishWithin(60));
  ASSERT_THAT(store_->Cancel(first), IsOk());
  // The one that lasts longest has the lease.
  EXPECT_EQ(Get(hasty).merged_with(), patient);
  clock_.Advance(absl::Seconds(6));
  ASSERT_THAT(store_->ExpireLeases(), IsOk());
  EXPECT_EQ(StateOf(hasty), v1::JOB_STATE_FAILED);
  ASSERT_THAT(store_->Finish(lease.token, MakeResult(), {}, 0), IsOk());
  EXPECT_EQ(StateOf(patient), v1::JOB_STATE_SUCCEEDED);
}

TEST_F(SharedRunsTest, C06_ARestartOfTheServerChangesNothing) {
  const std::string first = Submit();
  const JobLease lease = Claim();
  const std::string second = Submit();
  Open();
  clock_.Advance(kTerm - absl::Seconds(1));
  ASSERT_THAT(store_->ExpireLeases(), IsOk());
  EXPECT_EQ(Get(second).merged_with(), first);
  ASSERT_THAT(store_->Finish(lease.token, MakeResult(), {}, 0), IsOk());
  EXPECT_EQ(StateOf(second), v1::JOB_STATE_SUCCEEDED);
}

TEST_F(SharedRunsTest, AWorkerHasTheJobWhoseLeaseItHas) {
  const std::string first = Submit();
  Claim();
  Submit();
  ASSERT_OK_AND_ASSIGN(const std::vector<WorkerRecord> workers, store_->Workers(absl::Hours(1)));
  ASSERT_EQ(workers.size(), 1);
  EXPECT_EQ(workers[0].job_id, first);
}

}  // namespace
}  // namespace joinery::storage
