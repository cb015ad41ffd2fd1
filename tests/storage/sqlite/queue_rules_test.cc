// Whose turn it is, what runs out when, and what is told of failures. The names are those of the reliability checklist
// in docs/ where there is one.
#include <atomic>
#include <map>
#include <memory>
#include <optional>
#include <string>
#include <thread>
#include <utility>
#include <vector>

#include "storage/sqlite/database.h"
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
using ::testing::ElementsAre;
using ::testing::HasSubstr;
using ::testing::IsEmpty;

constexpr absl::Duration kTerm = absl::Seconds(15);

v1::JobEvent Line(const std::string& text) {
  v1::JobEvent event;
  event.mutable_log()->set_text(text);
  return event;
}

v1::JobEvent Stage(const std::string& stage, absl::Time time) {
  v1::JobEvent event;
  event.mutable_progress()->set_stage(stage);
  event.mutable_time()->set_seconds(absl::ToUnixSeconds(time));
  return event;
}

v1::Failure FailureOf(v1::FailureReason reason) {
  v1::Failure failure;
  failure.set_reason(reason);
  failure.set_message("what was wrong");
  return failure;
}

v1::JobResult MakeResult() {
  v1::JobResult result;
  result.mutable_artifact()->set_digest(std::string(64, 'a'));
  result.mutable_report()->set_digest(std::string(64, 'b'));
  return result;
}

class QueueRulesTest : public ::testing::Test {
 protected:
  void SetUp() override { Open({}); }

  void Open(const QueueLimits& limits) {
    store_.reset();
    auto store =
        SqliteJobStore::Open({.path = folder_ / "joinery.db", .restart_grace = kTerm, .vfs = "", .limits = limits},
                             clock_, joinery::testing::FakeRandomSource(++seed_));
    ASSERT_THAT(store, IsOk());
    store_ = *std::move(store);
  }

  Submission Make(const std::string& user, const v1::JobOptions& options = {}) {
    Submission submission = {.spec = {}, .request_id = "", .options = options, .user = user};
    submission.spec.mutable_build()->set_model_name(std::to_string(++requests_));
    submission.request_id = submission.spec.build().model_name();
    return submission;
  }

  // The new job's id.
  std::string Submit(const std::string& user, const v1::JobOptions& options = {}) {
    const auto enqueued = store_->Enqueue(Make(user, options));
    EXPECT_THAT(enqueued, IsOk());
    return enqueued->job.id();
  }

  std::string SubmitWithPriority(int priority) {
    v1::JobOptions options;
    options.set_priority(priority);
    return Submit("ann", options);
  }

  // A lease with an empty token if there is nothing to do.
  JobLease Claim(const WorkerInfo& worker = {"worker", "1"}) {
    auto lease = store_->Claim(worker, kTerm);
    EXPECT_THAT(lease, IsOk());
    return lease->value_or(JobLease{});
  }

  v1::Job Succeed(const JobLease& lease) {
    const auto job = store_->Finish(lease.token, MakeResult(), {}, 0);
    EXPECT_THAT(job, IsOk());
    return *job;
  }

  // As a fault of the disk would.
  void Damage(const std::string& sql) {
    const auto database = Database::Open(folder_ / "joinery.db", Durability::kProcessCrash, "");
    ASSERT_THAT(database, IsOk());
    ASSERT_THAT((*database)->Execute(sql), IsOk());
  }

  std::vector<std::string> LogLines(const std::string& id) {
    std::vector<std::string> lines;
    const auto events = store_->Events(id, 0, 1000);
    EXPECT_THAT(events, IsOk());
    for (const v1::JobEvent& event : *events) {
      if (event.has_log()) lines.push_back(event.log().text());
    }
    return lines;
  }

  joinery::testing::FakeClock clock_;
  joinery::testing::TemporaryFolder folder_;
  std::unique_ptr<SqliteJobStore> store_;
  unsigned seed_ = 0;
  int requests_ = 0;
};

TEST_F(QueueRulesTest, C03_ShareIsFair) {
  for (int i = 0; i < 1000; ++i) Submit("ann");
  const std::string late = Submit("bob");
  EXPECT_EQ(store_->Get(late)->queue_position(), 0);
  EXPECT_EQ(Claim().job.user(), "ann");  // Both have nothing running; hers is older.
  EXPECT_EQ(Claim().job.id(), late);
}

TEST_F(QueueRulesTest, C03_WorkersAreSharedEvenlyHoweverManyJobsEachUserHas) {
  for (int i = 0; i < 30; ++i) Submit("ann");
  for (int i = 0; i < 5; ++i) Submit("bob");
  for (int i = 0; i < 5; ++i) Submit("eve");
  std::map<std::string, int> running;
  for (int i = 0; i < 9; ++i) ++running[Claim().job.user()];
  EXPECT_THAT(running, ElementsAre(std::pair("ann", 3), std::pair("bob", 3), std::pair("eve", 3)));
}

TEST_F(QueueRulesTest, C03_OneWorkerServesUsersInTurn) {
  for (int i = 0; i < 3; ++i) Submit("ann");
  for (int i = 0; i < 3; ++i) Submit("bob");
  std::vector<std::string> users;
  for (int i = 0; i < 6; ++i) {
    const JobLease lease = Claim();
    users.push_back(lease.job.user());
    Succeed(lease);
  }
  EXPECT_THAT(users, ElementsAre("ann", "bob", "ann", "bob", "ann", "bob"));
}

TEST_F(QueueRulesTest, ThePriorityDecidesAmongAUsersJobs) {
  const std::string low = SubmitWithPriority(-1);
  const std::string normal = SubmitWithPriority(0);
  const std::string high = SubmitWithPriority(1);
  EXPECT_EQ(store_->Get(low)->queue_position(), 2);
  EXPECT_EQ(Claim().job.id(), high);
  EXPECT_EQ(Claim().job.id(), normal);
  EXPECT_EQ(Claim().job.id(), low);
}

TEST_F(QueueRulesTest, C04_ALowPriorityFinishesUnderContinuousHighLoad) {
  const std::string low = SubmitWithPriority(-10);
  // A new job of the highest priority each minute, and one worker that takes a minute for each.
  for (int minute = 0; minute < 30; ++minute) {
    SubmitWithPriority(10);
    const JobLease lease = Claim();
    if (lease.job.id() == low) {
      EXPECT_LE(minute, 21);
      return;
    }
    Succeed(lease);
    clock_.Advance(absl::Minutes(1));
  }
  FAIL() << "the job starved";
}

TEST_F(QueueRulesTest, C05_QuotasAreToldWithTheLimitAndTheUse) {
  Open({.max_queued_per_user = 2, .max_running_per_user = 1});
  Submit("ann");
  Submit("ann");
  EXPECT_THAT(store_->Enqueue(Make("ann")), StatusIs(absl::StatusCode::kResourceExhausted,
                                                     ::testing::AllOf(HasSubstr("has 2"), HasSubstr("limit is 2"))));
  const std::string other = Submit("bob");
  const JobLease first = Claim();
  EXPECT_EQ(first.job.user(), "ann");
  Submit("ann");  // One runs, one is queued: there is room.
  EXPECT_EQ(Claim().job.id(), other);
  EXPECT_EQ(Claim().token, "");  // Both have one running.
  Succeed(first);
  EXPECT_EQ(Claim().job.user(), "ann");
}

TEST_F(QueueRulesTest, C08_WhatNoWorkerCanTakeSaysSo) {
  v1::JobOptions options;
  options.mutable_requirements()->set_memory_bytes(int64_t{64} << 30);
  options.mutable_requirements()->add_labels("lab");
  const std::string large = Submit("ann", options);
  const std::string small = Submit("ann");
  EXPECT_THAT(store_->NoteWaiting(absl::Seconds(8), 10), IsOkAndHolds(::testing::UnorderedElementsAre(large, small)));
  EXPECT_THAT(store_->Get(small)->waiting_reason(), HasSubstr("no worker is running"));
  EXPECT_THAT(LogLines(small), ElementsAre(HasSubstr("no worker is running")));

  v1::Capabilities capabilities;
  capabilities.set_memory_bytes(int64_t{16} << 30);
  EXPECT_EQ(Claim({"worker", "1", capabilities}).job.id(), small);
  EXPECT_EQ(Claim({"worker", "1", capabilities}).token, "");
  EXPECT_THAT(store_->NoteWaiting(absl::Seconds(8), 10), IsOkAndHolds(IsEmpty()));  // It was told once.
  EXPECT_THAT(store_->Get(large)->waiting_reason(),
              ::testing::AllOf(HasSubstr("64.0 GiB"), HasSubstr("at most 16.0 GiB"), HasSubstr("no label lab")));

  capabilities.set_memory_bytes(int64_t{64} << 30);
  capabilities.add_labels("lab");
  EXPECT_EQ(Claim({"large", "1", capabilities}).job.id(), large);
  EXPECT_EQ(store_->Get(large)->waiting_reason(), "");
}

TEST_F(QueueRulesTest, JobsGoWhereAGpuHasTheMemoryFree) {
  v1::JobOptions options;
  options.mutable_requirements()->set_gpu_memory_bytes(int64_t{8} << 30);
  const std::string small = Submit("ann", options);
  options.mutable_requirements()->set_gpu_memory_bytes(int64_t{16} << 30);
  const std::string large = Submit("ann", options);

  v1::Capabilities capabilities;
  capabilities.set_gpus(2);
  for (const int64_t free : {4, 12}) {
    v1::Gpu& gpu = *capabilities.add_gpu_devices();
    gpu.set_memory_bytes(int64_t{24} << 30);
    gpu.set_free_memory_bytes(free << 30);
  }
  EXPECT_EQ(Claim({"worker", "1", capabilities}).job.id(), small);
  EXPECT_EQ(Claim({"worker", "1", capabilities}).token, "");
  EXPECT_THAT(store_->NoteWaiting(absl::Seconds(8), 10), IsOkAndHolds(ElementsAre(large)));
  EXPECT_THAT(store_->Get(large)->waiting_reason(),
              ::testing::AllOf(HasSubstr("16.0 GiB of free GPU memory"), HasSubstr("at most 12.0 GiB")));
  capabilities.mutable_gpu_devices(0)->set_free_memory_bytes(int64_t{20} << 30);
  EXPECT_EQ(Claim({"worker", "1", capabilities}).job.id(), large);
}

TEST_F(QueueRulesTest, C08_AWorkerThatHasGoneDoesNotCount) {
  Claim();
  const std::string id = Submit("ann");
  EXPECT_THAT(store_->NoteWaiting(absl::Seconds(8), 10), IsOkAndHolds(IsEmpty()));
  clock_.Advance(absl::Seconds(9));
  EXPECT_THAT(store_->NoteWaiting(absl::Seconds(8), 10), IsOkAndHolds(ElementsAre(id)));
}

TEST_F(QueueRulesTest, C10_AHungButHeartbeatingAttemptHitsTheCeiling) {
  Open({.max_attempt_duration = absl::Minutes(1)});
  const std::string id = Submit("ann");
  clock_.Advance(absl::Hours(5));  // Waiting does not count.
  const JobLease lease = Claim();
  for (int i = 0; i < 6; ++i) {
    EXPECT_THAT(store_->ExpireLeases(), IsOkAndHolds(IsEmpty()));
    ASSERT_THAT(store_->Extend(lease.token, kTerm, {}, 0), IsOk());
    clock_.Advance(absl::Seconds(10));
  }
  EXPECT_THAT(store_->Extend(lease.token, kTerm, {}, 0), StatusIs(absl::StatusCode::kAborted, ::testing::_));
  ASSERT_THAT(store_->ExpireLeases(), IsOkAndHolds(::testing::SizeIs(1)));
  const v1::Job job = *store_->Get(id);
  EXPECT_EQ(job.failure().reason(), v1::FAILURE_REASON_TIMED_OUT);
  EXPECT_EQ(job.failure().fault_of(), v1::FAULT_OF_USER);
  EXPECT_EQ(job.attempt_log(0).end(), "stopped");
}

TEST_F(QueueRulesTest, AJobMayAskForLessTimeAndNotForMore) {
  Open({.max_attempt_duration = absl::Minutes(1)});
  v1::JobOptions options;
  options.mutable_max_attempt_duration()->set_seconds(5);
  Submit("ann", options);
  options.mutable_max_attempt_duration()->set_seconds(3600);
  Submit("ann", options);
  Claim({"a", "1"});
  const JobLease greedy = Claim({"b", "1"});
  clock_.Advance(absl::Seconds(10));
  EXPECT_THAT(store_->ExpireLeases(), IsOkAndHolds(::testing::SizeIs(1)));
  for (int i = 0; i < 5; ++i) {
    ASSERT_THAT(store_->Extend(greedy.token, kTerm, {}, 0), IsOk());
    clock_.Advance(absl::Seconds(10));
  }
  EXPECT_THAT(store_->ExpireLeases(), IsOkAndHolds(::testing::SizeIs(1)));
}

TEST_F(QueueRulesTest, AJobWhoseDeadlinePassesFailsQueuedOrRunning) {
  v1::JobOptions options;
  options.mutable_finish_within()->set_seconds(10);
  const std::string running = Submit("ann", options);
  const std::string queued = Submit("ann", options);
  EXPECT_EQ(store_->Get(queued)->deadline().seconds(), absl::ToUnixSeconds(clock_.Now()) + 10);
  Claim();
  clock_.Advance(absl::Seconds(10));
  EXPECT_THAT(store_->ExpireLeases(), IsOkAndHolds(::testing::SizeIs(2)));
  for (const std::string& id : {running, queued}) {
    const v1::Job job = *store_->Get(id);
    EXPECT_EQ(job.state(), v1::JOB_STATE_FAILED);
    EXPECT_EQ(job.failure().reason(), v1::FAILURE_REASON_DEADLINE_PASSED);
  }
  EXPECT_THAT(store_->Get(queued)->failure().message(), HasSubstr("while it was queued"));
}

TEST_F(QueueRulesTest, F03_AResultAfterTheLeaseIsRefused) {
  const std::string id = Submit("ann");
  const JobLease stopped = Claim({"stopped", "1"});
  clock_.Advance(kTerm);
  ASSERT_THAT(store_->ExpireLeases(), IsOk());
  clock_.Advance(absl::Seconds(1));
  Succeed(Claim({"other", "1"}));
  EXPECT_THAT(store_->Finish(stopped.token, MakeResult(), {}, 0),
              StatusIs(absl::StatusCode::kAborted, HasSubstr("lost")));
  EXPECT_EQ(store_->Get(id)->worker(), "other");
}

TEST_F(QueueRulesTest, F09_JumpsOfTheClockChangeNoLeaseAndNoTurn) {
  for (const absl::Duration jump : {absl::Hours(1), -absl::Hours(1), absl::Hours(87'600), -absl::Hours(87'600)}) {
    SCOPED_TRACE(jump);
    v1::JobOptions options;
    options.mutable_finish_within()->set_seconds(60);
    const std::string first = Submit("ann", options);
    const JobLease lease = Claim();
    const std::string second = Submit("ann", options);
    clock_.Jump(jump);
    const std::string third = Submit("ann", options);
    EXPECT_THAT(store_->ExpireLeases(), IsOkAndHolds(IsEmpty()));
    EXPECT_THAT(store_->Extend(lease.token, kTerm, {}, 0), IsOk());
    EXPECT_EQ(Succeed(lease).state(), v1::JOB_STATE_SUCCEEDED);
    EXPECT_EQ(Claim().job.id(), second);
    EXPECT_EQ(Claim().job.id(), third);
    EXPECT_THAT(store_->Workers(absl::Hours(1)), IsOkAndHolds(::testing::SizeIs(1)));
    // And what does run out still does.
    clock_.Advance(kTerm);
    EXPECT_THAT(store_->ExpireLeases(), IsOkAndHolds(::testing::SizeIs(2)));
    for (const std::string& id : {second, third}) ASSERT_THAT(store_->Cancel(id), IsOk());
    clock_.Advance(absl::Minutes(2));
  }
}

TEST_F(QueueRulesTest, F09_AJumpWhileThereWasNoServerChangesNoLeaseAndNoTurn) {
  const std::string first = Submit("ann");
  const JobLease lease = Claim();
  const std::string second = Submit("ann");
  for (const absl::Duration jump : {absl::Hours(87'600), -absl::Hours(175'200)}) {
    store_.reset();
    clock_.Jump(jump);
    Open({});
    EXPECT_THAT(store_->ExpireLeases(), IsOkAndHolds(IsEmpty()));
    EXPECT_THAT(store_->Extend(lease.token, kTerm, {}, 0), IsOk());
  }
  const std::string third = Submit("ann");
  EXPECT_EQ(Succeed(lease).id(), first);
  EXPECT_EQ(Claim().job.id(), second);
  EXPECT_EQ(Claim().job.id(), third);
}

TEST_F(QueueRulesTest, F06_AJobThatKillsItsWorkersIsSetAsideWithWhatIsKnown) {
  const std::string id = Submit("ann");
  for (int attempt = 1; attempt <= kMaxAttempts; ++attempt) {
    const JobLease lease = Claim({"host:" + std::to_string(attempt), "1"});
    ASSERT_NE(lease.token, "");
    ASSERT_THAT(
        store_->Extend(lease.token, kTerm, {Stage("import", clock_.Now()), Stage("calibrate", clock_.Now())}, 1),
        IsOk());
    clock_.Advance(kTerm);
    ASSERT_THAT(store_->ExpireLeases(), IsOk());
    EXPECT_EQ(Claim({"other", "1"}).token, "");  // It rests, if it is not set aside.
    clock_.Advance(absl::Seconds(25));
  }
  const v1::Job job = *store_->Get(id);
  EXPECT_EQ(job.state(), v1::JOB_STATE_FAILED);
  EXPECT_EQ(job.failure().reason(), v1::FAILURE_REASON_WORKER_LOST);
  EXPECT_EQ(job.failure().fault_of(), v1::FAULT_OF_INFRASTRUCTURE);
  EXPECT_TRUE(job.failure().retry_may_help());
  EXPECT_THAT(job.failure().message(),
              ::testing::AllOf(HasSubstr("host:1 in stage calibrate"), HasSubstr("host:3 in stage calibrate")));
  EXPECT_EQ(Claim().token, "");
}

TEST_F(QueueRulesTest, F10_AWorkerThatLosesEveryLeaseRestsAndLeavesTheJobsToOthers) {
  for (int i = 0; i < 3; ++i) {
    Submit("ann");
    ASSERT_NE(Claim({"crashing", "1"}).token, "");
    clock_.Advance(kTerm);
    ASSERT_THAT(store_->ExpireLeases(), IsOk());
  }
  Submit("ann");
  EXPECT_EQ(Claim({"crashing", "1"}).token, "");
  const JobLease lease = Claim({"sound", "1"});
  EXPECT_NE(lease.token, "");
  clock_.Advance(absl::Seconds(2));
  EXPECT_NE(Claim({"crashing", "1"}).token, "");
}

TEST_F(QueueRulesTest, AFaultOfTheInfrastructureIsTriedAgainAndOneOfTheUserIsNot) {
  const std::string id = Submit("ann");
  const std::vector<absl::Duration> rests = {absl::Seconds(1), absl::Seconds(5)};
  for (const absl::Duration rest : rests) {
    const v1::Job job = *store_->Finish(Claim().token, FailureOf(v1::FAILURE_REASON_WORKER_FAULT), {}, 0);
    EXPECT_EQ(job.state(), v1::JOB_STATE_QUEUED);
    clock_.Advance(rest - absl::Milliseconds(1));
    EXPECT_EQ(Claim().token, "");
    clock_.Advance(absl::Milliseconds(1));
  }
  EXPECT_THAT(LogLines(id), ElementsAre(HasSubstr("attempt 1 of 3"), HasSubstr("tried again in 5s")));
  const v1::Job last = *store_->Finish(Claim().token, FailureOf(v1::FAILURE_REASON_GPU_UNAVAILABLE), {}, 0);
  EXPECT_EQ(last.state(), v1::JOB_STATE_FAILED);
  EXPECT_EQ(last.failure().fault_of(), v1::FAULT_OF_INFRASTRUCTURE);

  for (const v1::FailureReason reason : {v1::FAILURE_REASON_INVALID_MODEL, v1::FAILURE_REASON_OUT_OF_MEMORY,
                                         v1::FAILURE_REASON_INTERNAL, v1::FAILURE_REASON_VENDOR_TOOL}) {
    Submit("ann");
    EXPECT_EQ(store_->Finish(Claim().token, FailureOf(reason), {}, 0)->state(), v1::JOB_STATE_FAILED);
  }
  Submit("ann");
  v1::Failure internal = FailureOf(v1::FAILURE_REASON_INTERNAL);
  internal.set_fault_of(v1::FAULT_OF_INFRASTRUCTURE);
  EXPECT_EQ(store_->Finish(Claim().token, internal, {}, 0)->state(), v1::JOB_STATE_QUEUED);
}

TEST_F(QueueRulesTest, EveryReasonHasAFaultAndAdvice) {
  for (int reason = v1::FailureReason_MIN + 1; reason <= v1::FailureReason_MAX; ++reason) {
    SCOPED_TRACE(v1::FailureReason_Name(static_cast<v1::FailureReason>(reason)));
    v1::Failure failure = FailureOf(static_cast<v1::FailureReason>(reason));
    Submit("ann");
    v1::Job job = *store_->Finish(Claim().token, failure, {}, 0);
    if (job.state() == v1::JOB_STATE_QUEUED) {
      ASSERT_THAT(store_->Cancel(job.id()), IsOk());
      continue;
    }
    EXPECT_NE(job.failure().fault_of(), v1::FAULT_OF_UNSPECIFIED);
    EXPECT_NE(job.failure().advice(), "");
  }
}

TEST_F(QueueRulesTest, F26_EventsSentAgainAreKeptOnce) {
  const std::string id = Submit("ann");
  const JobLease lease = Claim();
  ASSERT_THAT(store_->Extend(lease.token, kTerm, {Line("one"), Line("two")}, 1), IsOk());
  ASSERT_THAT(store_->Extend(lease.token, kTerm, {Line("one"), Line("two")}, 1), IsOk());
  ASSERT_THAT(store_->Extend(lease.token, kTerm, {Line("two"), Line("three")}, 2), IsOk());
  ASSERT_THAT(store_->Finish(lease.token, MakeResult(), {Line("three"), Line("four")}, 3), IsOk());
  EXPECT_THAT(LogLines(id), ElementsAre("one", "two", "three", "four"));
}

TEST_F(QueueRulesTest, F26_EventsOfANewAttemptAreNumberedAnew) {
  const std::string id = Submit("ann");
  const JobLease released = Claim();
  ASSERT_THAT(store_->Extend(released.token, kTerm, {Line("one"), Line("two")}, 1), IsOk());
  ASSERT_THAT(store_->Finish(released.token, Released{}, {}, 0), IsOk());
  ASSERT_THAT(store_->Extend(Claim().token, kTerm, {Line("again")}, 1), IsOk());
  EXPECT_THAT(LogLines(id), ElementsAre("one", "two", "again"));
}

TEST_F(QueueRulesTest, StagesAreTimedByTheirDistanceWhateverTheWorkersClockSays) {
  const std::string id = Submit("ann");
  const JobLease lease = Claim();
  clock_.Advance(absl::Seconds(10));
  const absl::Time wrong = clock_.Now() + absl::Hours(9000);
  ASSERT_THAT(store_->Extend(lease.token, kTerm, {Stage("import", wrong), Stage("emit", wrong + absl::Seconds(4))}, 1),
              IsOk());
  clock_.Advance(absl::Seconds(1));
  const v1::Job job = Succeed(lease);
  ASSERT_EQ(job.attempt_log_size(), 1);
  const v1::Attempt& attempt = job.attempt_log(0);
  EXPECT_EQ(attempt.end(), "succeeded");
  ASSERT_EQ(attempt.stages_size(), 2);
  EXPECT_EQ(attempt.stages(0).stage(), "import");
  EXPECT_EQ(attempt.stages(0).began_at().seconds(), attempt.leased_at().seconds() + 6);
  EXPECT_EQ(attempt.stages(0).ended_at().seconds(), attempt.leased_at().seconds() + 10);
  EXPECT_EQ(attempt.stages(1).ended_at().seconds(), attempt.leased_at().seconds() + 11);
  EXPECT_EQ(store_->Get(id)->attempt_log_size(), 1);
}

TEST_F(QueueRulesTest, C12_OnlyTheLeaseThatWasLostIsTakenHoweverManyLastLong) {
  std::vector<JobLease> leases;
  for (int i = 0; i < 20; ++i) Submit("ann");
  for (int i = 0; i < 20; ++i) leases.push_back(Claim({"worker " + std::to_string(i), "1"}));
  const std::string lost = leases[10].job.id();
  leases.erase(leases.begin() + 10);
  // An attempt may take an hour, and these take most of it.
  for (int i = 0; i < 55 * 4; ++i) {
    for (const JobLease& lease : leases) {
      ASSERT_THAT(store_->Extend(lease.token, kTerm + absl::Seconds(1), {}, 0), IsOk());
    }
    clock_.Advance(kTerm);
    ASSERT_OK_AND_ASSIGN(const std::vector<v1::Job> expired, store_->ExpireLeases());
    ASSERT_EQ(expired.size(), i == 0 ? 1 : 0);
  }
  EXPECT_EQ(store_->Get(lost)->state(), v1::JOB_STATE_QUEUED);
  EXPECT_EQ(store_->Counts()->running, 19);
}

TEST_F(QueueRulesTest, C14_AQueuedJobThatCannotBeReadDoesNotStopThoseBehindIt) {
  const std::string spec = Submit("ann");
  const std::string options = Submit("ann");
  const std::string log = Submit("ann");
  const std::string whole = Submit("ann");
  // A length that goes beyond the end.
  Damage("UPDATE jobs SET spec = x'0a7f' WHERE id = '" + spec + "'");
  Damage("UPDATE jobs SET options = x'0a7f' WHERE id = '" + options + "'");
  Damage("UPDATE jobs SET attempt_log = x'0a7f' WHERE id = '" + log + "'");
  EXPECT_EQ(Claim().job.id(), whole);
  for (const std::string& id : {spec, options, log}) {
    ASSERT_OK_AND_ASSIGN(const v1::Job job, store_->Get(id));
    EXPECT_EQ(job.state(), v1::JOB_STATE_FAILED);
    EXPECT_EQ(job.failure().reason(), v1::FAILURE_REASON_INTERNAL);
    EXPECT_THAT(job.failure().message(), HasSubstr("cannot read"));
    EXPECT_EQ(store_->Events(id, 0, 100)->back().job().state(), v1::JOB_STATE_FAILED);
  }
  EXPECT_EQ(store_->List({})->jobs.size(), 4);
  EXPECT_EQ(store_->Counts()->queued, 0);
}

TEST_F(QueueRulesTest, C14_ARunningJobThatCannotBeReadDoesNotStopTheEndOfOthersLeases) {
  const std::string damaged = Submit("ann");
  const std::string whole = Submit("ann");
  Claim();
  Claim({"other", "1"});
  Damage("UPDATE jobs SET attempt_log = x'0a7f' WHERE id = '" + damaged + "'");
  clock_.Advance(kTerm);
  ASSERT_THAT(store_->ExpireLeases(), IsOk());
  EXPECT_EQ(store_->Get(damaged)->state(), v1::JOB_STATE_FAILED);
  EXPECT_EQ(store_->Get(whole)->state(), v1::JOB_STATE_QUEUED);
  EXPECT_EQ(store_->Counts()->running, 0);
}

TEST_F(QueueRulesTest, C07_AFinishedJobAnswersTheSameSpecOfItsProjectAndAFailedOneDoesNot) {
  Submission submission = Make("ann");
  ASSERT_THAT(store_->Enqueue(submission), IsOk());
  EXPECT_THAT(store_->FindAnswer("default", submission.spec), IsOkAndHolds(::testing::Eq(std::nullopt)));
  ASSERT_THAT(store_->Finish(Claim().token, FailureOf(v1::FAILURE_REASON_INVALID_MODEL), {}, 0), IsOk());
  EXPECT_THAT(store_->FindAnswer("default", submission.spec), IsOkAndHolds(::testing::Eq(std::nullopt)));

  submission.request_id = "again";
  const std::string done = store_->Enqueue(submission)->job.id();
  Succeed(Claim());
  ASSERT_OK_AND_ASSIGN(const auto answer, store_->FindAnswer("default", submission.spec));
  ASSERT_TRUE(answer.has_value());
  EXPECT_EQ(answer->id(), done);
  EXPECT_THAT(store_->FindAnswer("other", submission.spec), IsOkAndHolds(::testing::Eq(std::nullopt)));

  submission.request_id = "third";
  submission.answer = answer;
  ASSERT_OK_AND_ASSIGN(const EnqueuedJob answered, store_->Enqueue(submission));
  EXPECT_EQ(answered.job.state(), v1::JOB_STATE_SUCCEEDED);
  EXPECT_EQ(answered.job.answered_from(), done);
  EXPECT_EQ(answered.job.result().artifact().digest(), std::string(64, 'a'));
  EXPECT_EQ(answered.job.attempts(), 0);
  EXPECT_EQ(store_->Counts()->queued, 0);

  // A worker with a newer compiler may do better.
  Claim({"worker", "2"});
  EXPECT_THAT(store_->FindAnswer("default", submission.spec), IsOkAndHolds(::testing::Eq(std::nullopt)));
}

TEST_F(QueueRulesTest, AnArrayIsSubmittedWholeOrNotAtAll) {
  Open({.max_queued_per_user = 3});
  const std::vector<Submission> three = {Make("ann"), Make("ann"), Make("ann")};
  ASSERT_OK_AND_ASSIGN(const EnqueuedArray array, store_->EnqueueArray(three, "request"));
  ASSERT_EQ(array.jobs.size(), 3);
  const std::string array_id = array.jobs[0].array_id();
  EXPECT_EQ(array.jobs[2].array_id(), array_id);
  EXPECT_EQ(array.jobs[2].array_index(), 2);
  EXPECT_THAT(store_->ArrayJobs(array_id),
              IsOkAndHolds(ElementsAre(array.jobs[0].id(), array.jobs[1].id(), array.jobs[2].id())));
  JobQuery query;
  query.array_id = array_id;
  EXPECT_EQ(store_->List(query)->jobs.size(), 3);

  ASSERT_OK_AND_ASSIGN(const EnqueuedArray again, store_->EnqueueArray(three, "request"));
  EXPECT_FALSE(again.created);
  EXPECT_EQ(again.jobs[1].id(), array.jobs[1].id());
  EXPECT_THAT(store_->EnqueueArray({three[0]}, "request"), StatusIs(absl::StatusCode::kAlreadyExists, ::testing::_));
  EXPECT_THAT(store_->EnqueueArray({Make("ann")}, "more"),
              StatusIs(absl::StatusCode::kResourceExhausted, ::testing::_));
  EXPECT_THAT(store_->EnqueueArray({Make("bob"), Make("bob"), Make("bob"), Make("bob")}, "many"),
              StatusIs(absl::StatusCode::kResourceExhausted, ::testing::_));
  EXPECT_EQ(store_->Counts()->queued, 3);
  EXPECT_THAT(store_->ArrayJobs("a-nothing"), StatusIs(absl::StatusCode::kNotFound, ::testing::_));
}

TEST_F(QueueRulesTest, EveryProjectHasItsOwnRequestIdsAndLists) {
  Submission submission = Make("ann");
  ASSERT_OK_AND_ASSIGN(const EnqueuedJob first, store_->Enqueue(submission));
  submission.project = "other";
  ASSERT_OK_AND_ASSIGN(const EnqueuedJob second, store_->Enqueue(submission));
  EXPECT_NE(first.job.id(), second.job.id());
  for (const std::vector<v1::JobState>& states : {std::vector<v1::JobState>{}, {v1::JOB_STATE_QUEUED}}) {
    JobQuery query;
    query.project = "other";
    query.states = states;
    ASSERT_OK_AND_ASSIGN(const JobPage page, store_->List(query));
    ASSERT_EQ(page.jobs.size(), 1);
    EXPECT_EQ(page.jobs[0].id(), second.job.id());
  }
}

TEST_F(QueueRulesTest, U04_ADrainedWorkerIsGivenNothingAndKeepsWhatItHas) {
  Submit("ann");
  const std::string second = Submit("ann");
  const JobLease lease = Claim();
  ASSERT_THAT(store_->SetWorkerDrain("worker", true), IsOk());
  EXPECT_EQ(Claim().token, "");
  EXPECT_THAT(store_->Extend(lease.token, kTerm, {}, 0), IsOk());
  EXPECT_TRUE(store_->Workers(absl::Hours(1))->front().drained);
  Succeed(lease);
  ASSERT_THAT(store_->SetWorkerDrain("worker", false), IsOk());
  EXPECT_EQ(Claim().job.id(), second);
  EXPECT_THAT(store_->SetWorkerDrain("nobody", true), StatusIs(absl::StatusCode::kNotFound, HasSubstr("nobody")));
}

TEST_F(QueueRulesTest, OldFinishedJobsAreDeletedWithTheirHistory) {
  const std::string old = Submit("ann");
  Succeed(Claim());
  clock_.Advance(absl::Hours(25));
  const std::string young = Submit("ann");
  Succeed(Claim());
  const std::string queued = Submit("ann");
  clock_.Jump(absl::Hours(87'600));  // A clock that jumps deletes nothing.
  EXPECT_THAT(store_->DeleteFinished(absl::Hours(24), 10), IsOkAndHolds(1));
  EXPECT_THAT(store_->Get(old), StatusIs(absl::StatusCode::kNotFound, ::testing::_));
  EXPECT_THAT(store_->Get(young), IsOk());
  EXPECT_THAT(store_->Get(queued), IsOk());
  EXPECT_THAT(store_->DeleteFinished(absl::Hours(24), 10), IsOkAndHolds(0));
}

TEST_F(QueueRulesTest, BlobsOfAllJobsAreKnown) {
  Submission submission = Make("ann");
  submission.spec.mutable_build()->mutable_model()->set_digest("model");
  submission.spec.mutable_build()->mutable_calibration()->set_digest("images");
  ASSERT_THAT(store_->Enqueue(submission), IsOk());
  Succeed(Claim());
  std::vector<std::string> digests;
  ASSERT_THAT(store_->ForEachBlob([&](const BlobUse& use) { digests.push_back(use.digest); }), IsOk());
  EXPECT_THAT(digests, ElementsAre("model", "images", std::string(64, 'a'), std::string(64, 'b')));
}

// One of the writes that share a commit fails; the others are none the worse for it.
TEST_F(QueueRulesTest, WritersAtOnceEachGetTheirOwnAnswer) {
  Open({.max_queued_per_user = 10});
  std::vector<Submission> submissions;
  for (int i = 0; i < 100; ++i) submissions.push_back(Make(i % 2 == 0 ? "ann" : "user " + std::to_string(i)));
  std::atomic<int> accepted = 0;
  std::atomic<int> refused = 0;
  std::vector<std::thread> threads;
  for (const Submission& submission : submissions) {
    threads.emplace_back([&] {
      const auto enqueued = store_->Enqueue(submission);
      if (enqueued.ok()) ++accepted;
      if (absl::IsResourceExhausted(enqueued.status())) ++refused;
    });
  }
  for (std::thread& thread : threads) thread.join();
  EXPECT_EQ(accepted, 60);
  EXPECT_EQ(refused, 40);
  EXPECT_EQ(store_->Counts()->queued, 60);
}

}  // namespace
}  // namespace joinery::storage
