// What every JobStore must do. A backend is done when it passes:
//
//   struct MyHarness {  // a new, empty store
//     MyHarness(const base::Clock& clock, storage::RandomSource random);
//     storage::JobStore& store();
//   };
//   INSTANTIATE_TYPED_TEST_SUITE_P(My, JobStoreConformance, MyHarness);
#pragma once

#include <mutex>
#include <optional>
#include <set>
#include <string>
#include <thread>
#include <vector>

#include "storage/job_store.h"
#include "tests/testing/fake_clock.h"
#include "tests/testing/fake_random_source.h"
#include "tests/testing/status_matchers.h"

namespace joinery::storage {

inline v1::JobSpec MakeSpec(const std::string& model_name) {
  v1::JobSpec spec;
  spec.mutable_build()->set_model_name(model_name);
  return spec;
}

inline v1::JobEvent LogEvent(const std::string& text) {
  v1::JobEvent event;
  event.mutable_log()->set_text(text);
  return event;
}

inline v1::JobEvent ProgressEvent(double fraction) {
  v1::JobEvent event;
  event.mutable_progress()->set_fraction(fraction);
  return event;
}

inline v1::JobResult MakeResult() {
  v1::JobResult result;
  result.mutable_artifact()->set_digest(std::string(64, 'a'));
  result.mutable_artifact()->set_size(7);
  result.mutable_report()->set_digest(std::string(64, 'b'));
  return result;
}

inline v1::Failure MakeFailure() {
  v1::Failure failure;
  failure.set_reason(v1::FAILURE_REASON_INVALID_MODEL);
  failure.set_message("not an ONNX file");
  return failure;
}

template <typename Harness>
class JobStoreConformance : public ::testing::Test {
 protected:
  static constexpr absl::Duration kTerm = absl::Seconds(15);

  JobStore& store() { return harness_.store(); }

  // A new job's id.
  std::string Enqueue(const std::string& name) {
    const auto enqueued = store().Enqueue({MakeSpec(name), "request " + name});
    EXPECT_THAT(enqueued, joinery::testing::IsOk());
    return enqueued->job.id();
  }

  // Fails the test if there is no job.
  JobLease Claim(const std::string& worker = "worker") {
    auto lease = store().Claim({worker, "1.0"}, kTerm);
    EXPECT_THAT(lease, joinery::testing::IsOk());
    EXPECT_TRUE(lease->has_value());
    return **lease;
  }

  v1::Job Get(const std::string& id) {
    const auto job = store().Get(id);
    EXPECT_THAT(job, joinery::testing::IsOk());
    return *job;
  }

  // The states that the job's history tells, in order; checks that the sequence has no gaps.
  std::vector<v1::JobState> StatesInHistory(const std::string& id) {
    const auto events = store().Events(id, 0, 1000);
    EXPECT_THAT(events, joinery::testing::IsOk());
    std::vector<v1::JobState> states;
    int64_t sequence = 0;
    for (const v1::JobEvent& event : *events) {
      EXPECT_EQ(event.sequence(), ++sequence);
      if (event.has_job()) states.push_back(event.job().state());
    }
    return states;
  }

  joinery::testing::FakeClock clock_;

 private:
  Harness harness_{clock_, joinery::testing::FakeRandomSource(1)};
};

TYPED_TEST_SUITE_P(JobStoreConformance);

TYPED_TEST_P(JobStoreConformance, ANewJobIsQueued) {
  const std::string id = this->Enqueue("a");
  const v1::Job job = this->Get(id);
  EXPECT_EQ(job.id(), id);
  EXPECT_EQ(job.state(), v1::JOB_STATE_QUEUED);
  EXPECT_EQ(job.spec().build().model_name(), "a");
  EXPECT_EQ(job.created_at().seconds(), absl::ToUnixSeconds(this->clock_.Now()));
  EXPECT_FALSE(job.has_started_at());
  EXPECT_EQ(job.attempts(), 0);
  EXPECT_THAT(this->StatesInHistory(id), ::testing::ElementsAre(v1::JOB_STATE_QUEUED));
}

TYPED_TEST_P(JobStoreConformance, WhatIsNotThereIsNotFound) {
  const auto not_found = joinery::testing::StatusIs(absl::StatusCode::kNotFound, ::testing::HasSubstr("nothing"));
  EXPECT_THAT(this->store().Get("nothing"), not_found);
  EXPECT_THAT(this->store().Cancel("nothing"), not_found);
  EXPECT_THAT(this->store().Events("nothing", 0, 1), not_found);
}

TYPED_TEST_P(JobStoreConformance, TheSameRequestAgainAnswersWithTheFirstJob) {
  const std::string id = this->Enqueue("a");
  ASSERT_OK_AND_ASSIGN(const EnqueuedJob again, this->store().Enqueue({MakeSpec("a"), "request a"}));
  EXPECT_FALSE(again.created);
  EXPECT_EQ(again.job.id(), id);
  EXPECT_EQ(this->store().Counts()->queued, 1);
  this->Claim();
  ASSERT_OK_AND_ASSIGN(const EnqueuedJob later, this->store().Enqueue({MakeSpec("a"), "request a"}));
  EXPECT_EQ(later.job.state(), v1::JOB_STATE_RUNNING);
}

TYPED_TEST_P(JobStoreConformance, ARequestIdUsedForAnotherJobIsRefused) {
  const std::string id = this->Enqueue("a");
  EXPECT_THAT(this->store().Enqueue({MakeSpec("b"), "request a"}),
              joinery::testing::StatusIs(absl::StatusCode::kAlreadyExists, ::testing::HasSubstr(id)));
}

TYPED_TEST_P(JobStoreConformance, JobsAreLeasedInTheOrderTheyCame) {
  const std::string first = this->Enqueue("a");
  const std::string second = this->Enqueue("b");
  EXPECT_EQ(this->Get(first).queue_position(), 0);
  EXPECT_EQ(this->Get(second).queue_position(), 1);
  const JobLease lease = this->Claim("host:1");
  EXPECT_EQ(lease.job.id(), first);
  EXPECT_EQ(lease.job.state(), v1::JOB_STATE_RUNNING);
  EXPECT_EQ(lease.job.worker(), "host:1");
  EXPECT_EQ(lease.job.attempts(), 1);
  EXPECT_TRUE(lease.job.has_started_at());
  EXPECT_EQ(lease.token.size(), 32);
  EXPECT_EQ(this->Get(second).queue_position(), 0);
  EXPECT_EQ(this->Claim().job.id(), second);
  EXPECT_THAT(this->store().Claim({"worker", "1.0"}, absl::Seconds(1)),
              joinery::testing::IsOkAndHolds(::testing::Eq(std::nullopt)));
}

TYPED_TEST_P(JobStoreConformance, NoJobIsLeasedTwice) {
  constexpr int kJobs = 40;
  for (int i = 0; i < kJobs; ++i) this->Enqueue(std::to_string(i));
  std::mutex mutex;
  std::multiset<std::string> leased;
  std::vector<std::thread> threads;
  threads.reserve(8);
  for (int i = 0; i < 8; ++i) {
    threads.emplace_back([&, i] {
      while (true) {
        const auto lease = this->store().Claim({"worker " + std::to_string(i), "1.0"}, absl::Seconds(15));
        if (!lease.ok() || !lease->has_value()) return;
        const std::scoped_lock lock(mutex);
        leased.insert((*lease)->job.id());
      }
    });
  }
  for (std::thread& thread : threads) thread.join();
  EXPECT_EQ(leased.size(), kJobs);
  EXPECT_EQ(std::set<std::string>(leased.begin(), leased.end()).size(), kJobs);
}

TYPED_TEST_P(JobStoreConformance, AResultMakesTheJobSucceed) {
  const std::string id = this->Enqueue("a");
  const JobLease lease = this->Claim();
  this->clock_.Advance(absl::Seconds(1));
  ASSERT_OK_AND_ASSIGN(const v1::Job job, this->store().Finish(lease.token, MakeResult(), {}, 0));
  EXPECT_EQ(job.state(), v1::JOB_STATE_SUCCEEDED);
  EXPECT_EQ(job.result().artifact().size(), 7);
  EXPECT_EQ(job.finished_at().seconds() - job.started_at().seconds(), 1);
  EXPECT_EQ(this->Get(id).SerializeAsString(), job.SerializeAsString());
  EXPECT_THAT(this->StatesInHistory(id),
              ::testing::ElementsAre(v1::JOB_STATE_QUEUED, v1::JOB_STATE_RUNNING, v1::JOB_STATE_SUCCEEDED));
}

TYPED_TEST_P(JobStoreConformance, AFailureMakesTheJobFail) {
  const std::string id = this->Enqueue("a");
  ASSERT_THAT(this->store().Finish(this->Claim().token, MakeFailure(), {}, 0), joinery::testing::IsOk());
  const v1::Job job = this->Get(id);
  EXPECT_EQ(job.state(), v1::JOB_STATE_FAILED);
  EXPECT_EQ(job.failure().message(), "not an ONNX file");
  EXPECT_FALSE(job.has_result());
}

TYPED_TEST_P(JobStoreConformance, FinishingAlikeAgainSucceedsAndOtherwiseIsAborted) {
  const std::string id = this->Enqueue("a");
  const JobLease lease = this->Claim();
  ASSERT_THAT(this->store().Finish(lease.token, MakeResult(), {}, 0), joinery::testing::IsOk());
  ASSERT_OK_AND_ASSIGN(const v1::Job again, this->store().Finish(lease.token, MakeResult(), {LogEvent("again")}, 0));
  EXPECT_EQ(again.state(), v1::JOB_STATE_SUCCEEDED);
  EXPECT_EQ(this->store().Events(id, 0, 100)->size(), 3);
  EXPECT_THAT(this->store().Finish(lease.token, MakeFailure(), {}, 0),
              joinery::testing::StatusIs(absl::StatusCode::kAborted, ::testing::_));
  EXPECT_THAT(this->store().Extend(lease.token, absl::Seconds(1), {}, 0),
              joinery::testing::StatusIs(absl::StatusCode::kAborted, ::testing::_));
  EXPECT_EQ(this->Get(id).state(), v1::JOB_STATE_SUCCEEDED);
}

TYPED_TEST_P(JobStoreConformance, AReleasedJobIsQueuedAgainAndTheAttemptDoesNotCount) {
  const std::string id = this->Enqueue("a");
  for (int i = 0; i < 2 * kMaxAttempts; ++i) {
    const JobLease lease = this->Claim();
    EXPECT_EQ(lease.job.attempts(), 1);
    ASSERT_THAT(this->store().Finish(lease.token, Released{}, {}, 0), joinery::testing::IsOk());
    ASSERT_THAT(this->store().Finish(lease.token, Released{}, {}, 0), joinery::testing::IsOk());
    EXPECT_EQ(this->Get(id).state(), v1::JOB_STATE_QUEUED);
    EXPECT_EQ(this->Get(id).attempts(), 0);
  }
}

TYPED_TEST_P(JobStoreConformance, ALeaseLastsAsLongAsItIsRenewed) {
  const std::string id = this->Enqueue("a");
  const JobLease lease = this->Claim();
  for (int i = 0; i < 5; ++i) {
    this->clock_.Advance(this->kTerm - absl::Seconds(1));
    EXPECT_THAT(this->store().ExpireLeases(), joinery::testing::IsOkAndHolds(::testing::IsEmpty()));
    ASSERT_OK_AND_ASSIGN(const LeaseRenewal renewal, this->store().Extend(lease.token, this->kTerm, {}, 0));
    EXPECT_EQ(renewal.job_id, id);
    EXPECT_FALSE(renewal.cancel_requested);
  }
  EXPECT_THAT(this->store().Finish(lease.token, MakeResult(), {}, 0), joinery::testing::IsOk());
}

TYPED_TEST_P(JobStoreConformance, ALateWorkerIsAbortedAndTheJobRunsAgain) {
  const std::string id = this->Enqueue("a");
  const JobLease late = this->Claim("first");
  this->clock_.Advance(this->kTerm);
  const auto aborted = joinery::testing::StatusIs(absl::StatusCode::kAborted, ::testing::HasSubstr("lost"));
  EXPECT_THAT(this->store().Finish(late.token, MakeResult(), {}, 0), aborted);  // Before anybody looked.
  ASSERT_OK_AND_ASSIGN(const std::vector<v1::Job> expired, this->store().ExpireLeases());
  ASSERT_EQ(expired.size(), 1);
  EXPECT_EQ(expired[0].state(), v1::JOB_STATE_QUEUED);
  EXPECT_THAT(this->store().Extend(late.token, this->kTerm, {LogEvent("late")}, 0), aborted);

  this->clock_.Advance(absl::Seconds(1));  // A job that lost its worker rests.
  const JobLease lease = this->Claim("second");
  EXPECT_EQ(lease.job.attempts(), 2);
  EXPECT_THAT(this->store().Finish(late.token, MakeResult(), {}, 0), aborted);
  EXPECT_THAT(this->store().Finish("no such token", MakeResult(), {}, 0), aborted);
  EXPECT_EQ(this->Get(id).worker(), "second");
  EXPECT_THAT(this->store().Finish(lease.token, MakeFailure(), {}, 0), joinery::testing::IsOk());
  EXPECT_THAT(this->StatesInHistory(id),
              ::testing::ElementsAre(v1::JOB_STATE_QUEUED, v1::JOB_STATE_RUNNING, v1::JOB_STATE_QUEUED,
                                     v1::JOB_STATE_RUNNING, v1::JOB_STATE_FAILED));
}

TYPED_TEST_P(JobStoreConformance, ThreeLostWorkersFailTheJob) {
  const std::string id = this->Enqueue("a");
  for (int attempt = 1; attempt <= kMaxAttempts; ++attempt) {
    EXPECT_EQ(this->Claim("worker " + std::to_string(attempt)).job.attempts(), attempt);
    this->clock_.Advance(this->kTerm);
    ASSERT_THAT(this->store().ExpireLeases(), joinery::testing::IsOk());
    this->clock_.Advance(absl::Seconds(25));
  }
  const v1::Job job = this->Get(id);
  EXPECT_EQ(job.state(), v1::JOB_STATE_FAILED);
  EXPECT_EQ(job.failure().reason(), v1::FAILURE_REASON_WORKER_LOST);
  EXPECT_THAT(job.failure().message(), ::testing::HasSubstr("worker 3"));
  EXPECT_THAT(this->store().Claim({"worker", "1.0"}, this->kTerm),
              joinery::testing::IsOkAndHolds(::testing::Eq(std::nullopt)));
}

TYPED_TEST_P(JobStoreConformance, AQueuedJobIsCancelledAtOnce) {
  const std::string id = this->Enqueue("a");
  ASSERT_OK_AND_ASSIGN(const v1::Job job, this->store().Cancel(id));
  EXPECT_EQ(job.state(), v1::JOB_STATE_CANCELLED);
  EXPECT_TRUE(job.has_finished_at());
  EXPECT_THAT(this->store().Claim({"worker", "1.0"}, this->kTerm),
              joinery::testing::IsOkAndHolds(::testing::Eq(std::nullopt)));
  EXPECT_THAT(this->StatesInHistory(id), ::testing::ElementsAre(v1::JOB_STATE_QUEUED, v1::JOB_STATE_CANCELLED));
}

TYPED_TEST_P(JobStoreConformance, ARunningJobIsCancelledByItsWorker) {
  const std::string id = this->Enqueue("a");
  const JobLease lease = this->Claim();
  EXPECT_THAT(this->store().Finish(lease.token, Cancelled{}, {}, 0),
              joinery::testing::StatusIs(absl::StatusCode::kFailedPrecondition, ::testing::_));
  ASSERT_OK_AND_ASSIGN(const v1::Job asked, this->store().Cancel(id));
  EXPECT_EQ(asked.state(), v1::JOB_STATE_RUNNING);
  EXPECT_TRUE(asked.cancel_requested());
  EXPECT_TRUE(this->store().Extend(lease.token, this->kTerm, {}, 0)->cancel_requested);
  ASSERT_OK_AND_ASSIGN(const v1::Job job, this->store().Finish(lease.token, Cancelled{}, {}, 0));
  EXPECT_EQ(job.state(), v1::JOB_STATE_CANCELLED);
  EXPECT_FALSE(job.cancel_requested());
}

TYPED_TEST_P(JobStoreConformance, ACancelledJobIsNotQueuedAgain) {
  const std::string lost = this->Enqueue("a");
  this->Claim();
  ASSERT_THAT(this->store().Cancel(lost), joinery::testing::IsOk());
  this->clock_.Advance(this->kTerm);
  ASSERT_THAT(this->store().ExpireLeases(), joinery::testing::IsOk());
  EXPECT_EQ(this->Get(lost).state(), v1::JOB_STATE_CANCELLED);

  const std::string released = this->Enqueue("b");
  const JobLease lease = this->Claim();
  ASSERT_THAT(this->store().Cancel(released), joinery::testing::IsOk());
  ASSERT_THAT(this->store().Finish(lease.token, Released{}, {}, 0), joinery::testing::IsOk());
  EXPECT_EQ(this->Get(released).state(), v1::JOB_STATE_CANCELLED);
}

TYPED_TEST_P(JobStoreConformance, CancellingAFinalJobChangesNothing) {
  const std::string succeeded = this->Enqueue("a");
  ASSERT_THAT(this->store().Finish(this->Claim().token, MakeResult(), {}, 0), joinery::testing::IsOk());
  const std::string failed = this->Enqueue("b");
  ASSERT_THAT(this->store().Finish(this->Claim().token, MakeFailure(), {}, 0), joinery::testing::IsOk());
  const std::string cancelled = this->Enqueue("c");
  ASSERT_THAT(this->store().Cancel(cancelled), joinery::testing::IsOk());
  for (const std::string& id : {succeeded, failed, cancelled}) {
    const v1::Job before = this->Get(id);
    const size_t events = this->store().Events(id, 0, 100)->size();
    ASSERT_OK_AND_ASSIGN(const v1::Job after, this->store().Cancel(id));
    EXPECT_EQ(after.SerializeAsString(), before.SerializeAsString());
    EXPECT_EQ(this->store().Events(id, 0, 100)->size(), events);
  }
}

TYPED_TEST_P(JobStoreConformance, EventsKeepTheirOrderWithoutGaps) {
  const std::string id = this->Enqueue("a");
  const std::string other = this->Enqueue("b");
  const JobLease lease = this->Claim();
  const JobLease other_lease = this->Claim();
  ASSERT_THAT(
      this->store().Extend(lease.token, this->kTerm, {LogEvent("one"), ProgressEvent(0.25), LogEvent("two")}, 0),
      joinery::testing::IsOk());
  ASSERT_THAT(this->store().Extend(other_lease.token, this->kTerm, {LogEvent("other")}, 0), joinery::testing::IsOk());
  EXPECT_EQ(this->Get(id).progress().fraction(), 0.25);
  ASSERT_THAT(this->store().Finish(lease.token, MakeResult(), {LogEvent("three")}, 0), joinery::testing::IsOk());

  ASSERT_OK_AND_ASSIGN(const std::vector<v1::JobEvent> events, this->store().Events(id, 0, 100));
  ASSERT_EQ(events.size(), 7);
  for (size_t i = 0; i < events.size(); ++i) EXPECT_EQ(events[i].sequence(), static_cast<int64_t>(i) + 1);
  EXPECT_EQ(events[2].log().text(), "one");
  EXPECT_EQ(events[3].progress().fraction(), 0.25);
  EXPECT_EQ(events[4].log().text(), "two");
  EXPECT_EQ(events[5].log().text(), "three");
  EXPECT_EQ(events[6].job().state(), v1::JOB_STATE_SUCCEEDED);
  EXPECT_EQ(events[6].job().spec().build().model_name(), "a");
  EXPECT_EQ(events[6].time().seconds(), absl::ToUnixSeconds(this->clock_.Now()));

  ASSERT_OK_AND_ASSIGN(const std::vector<v1::JobEvent> part, this->store().Events(id, 3, 2));
  ASSERT_EQ(part.size(), 2);
  EXPECT_EQ(part[0].sequence(), 4);
  EXPECT_THAT(this->store().Events(id, 7, 2), joinery::testing::IsOkAndHolds(::testing::IsEmpty()));
  EXPECT_EQ(this->store().Events(other, 0, 100)->size(), 3);
}

TYPED_TEST_P(JobStoreConformance, ProgressIsThatOfTheNewestAttempt) {
  const std::string id = this->Enqueue("a");
  ASSERT_THAT(this->store().Extend(this->Claim().token, this->kTerm, {ProgressEvent(0.5)}, 0),
              joinery::testing::IsOk());
  this->clock_.Advance(this->kTerm);
  ASSERT_THAT(this->store().ExpireLeases(), joinery::testing::IsOk());
  EXPECT_FALSE(this->Get(id).has_progress());
}

TYPED_TEST_P(JobStoreConformance, ListsNewestFirstInPagesAndByState) {
  std::vector<std::string> ids;
  for (int i = 0; i < 5; ++i) ids.push_back(this->Enqueue(std::to_string(i)));
  this->Claim();
  std::vector<std::string> listed;
  JobQuery query{.states = {}, .page_size = 2, .page_token = ""};
  int pages = 0;
  do {
    ASSERT_OK_AND_ASSIGN(const JobPage page, this->store().List(query));
    for (const v1::Job& job : page.jobs) listed.push_back(job.id());
    query.page_token = page.next_page_token;
    ++pages;
  } while (!query.page_token.empty());
  EXPECT_EQ(pages, 3);
  EXPECT_THAT(listed, ::testing::ElementsAre(ids[4], ids[3], ids[2], ids[1], ids[0]));

  ASSERT_OK_AND_ASSIGN(
      const JobPage running,
      this->store().List({.states = {v1::JOB_STATE_RUNNING, v1::JOB_STATE_FAILED}, .page_size = 50, .page_token = ""}));
  ASSERT_EQ(running.jobs.size(), 1);
  EXPECT_EQ(running.jobs[0].id(), ids[0]);
  EXPECT_THAT(this->store().List({.states = {}, .page_size = 50, .page_token = "'; DROP TABLE jobs"}),
              joinery::testing::StatusIs(absl::StatusCode::kInvalidArgument, ::testing::_));
}

TYPED_TEST_P(JobStoreConformance, AListOfLargeJobsComesInSmallPages) {
  for (int i = 0; i < 5; ++i) {
    v1::JobSpec spec;
    spec.mutable_build()->set_configuration(std::string(1 << 20, '#'));
    ASSERT_THAT(this->store().Enqueue({spec, std::to_string(i)}), joinery::testing::IsOk());
  }
  JobQuery query;
  size_t listed = 0;
  do {
    ASSERT_OK_AND_ASSIGN(const JobPage page, this->store().List(query));
    EXPECT_LE(page.jobs.size(), 2);
    listed += page.jobs.size();
    query.page_token = page.next_page_token;
  } while (!query.page_token.empty());
  EXPECT_EQ(listed, 5);
}

TYPED_TEST_P(JobStoreConformance, WorkersAreKnownByWhenTheyWereSeen) {
  const std::string id = this->Enqueue("a");
  const JobLease lease = this->Claim("busy");
  EXPECT_THAT(this->store().Claim({"idle", "2.0"}, this->kTerm), joinery::testing::IsOk());
  EXPECT_EQ(this->store().Counts()->running, 1);
  this->clock_.Advance(absl::Seconds(10));
  ASSERT_THAT(this->store().Extend(lease.token, this->kTerm, {}, 0), joinery::testing::IsOk());

  ASSERT_OK_AND_ASSIGN(const std::vector<WorkerRecord> workers, this->store().Workers(absl::Hours(1)));
  ASSERT_EQ(workers.size(), 2);
  EXPECT_EQ(workers[0].name, "busy");
  EXPECT_EQ(workers[0].job_id, id);
  EXPECT_EQ(workers[0].last_seen_at, this->clock_.Now());
  EXPECT_EQ(workers[1].name, "idle");
  EXPECT_EQ(workers[1].compiler_version, "2.0");
  EXPECT_EQ(workers[1].job_id, "");
  EXPECT_EQ(this->store().Workers(absl::Seconds(5))->size(), 1);
}

REGISTER_TYPED_TEST_SUITE_P(JobStoreConformance, ANewJobIsQueued, WhatIsNotThereIsNotFound,
                            TheSameRequestAgainAnswersWithTheFirstJob, ARequestIdUsedForAnotherJobIsRefused,
                            JobsAreLeasedInTheOrderTheyCame, NoJobIsLeasedTwice, AResultMakesTheJobSucceed,
                            AFailureMakesTheJobFail, FinishingAlikeAgainSucceedsAndOtherwiseIsAborted,
                            AReleasedJobIsQueuedAgainAndTheAttemptDoesNotCount, ALeaseLastsAsLongAsItIsRenewed,
                            ALateWorkerIsAbortedAndTheJobRunsAgain, ThreeLostWorkersFailTheJob,
                            AQueuedJobIsCancelledAtOnce, ARunningJobIsCancelledByItsWorker,
                            ACancelledJobIsNotQueuedAgain, CancellingAFinalJobChangesNothing,
                            EventsKeepTheirOrderWithoutGaps, ProgressIsThatOfTheNewestAttempt,
                            ListsNewestFirstInPagesAndByState, AListOfLargeJobsComesInSmallPages,
                            WorkersAreKnownByWhenTheyWereSeen);

}  // namespace joinery::storage
