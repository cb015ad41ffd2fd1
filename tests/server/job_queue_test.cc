#include "server/job_queue.h"

#include <atomic>
#include <memory>
#include <string>
#include <vector>

#include "absl/synchronization/notification.h"
#include "storage/sqlite/blob_owners.h"
#include "storage/sqlite/job_store.h"
#include "tests/testing/fake_blob_store.h"
#include "tests/testing/fake_clock.h"
#include "tests/testing/fake_random_source.h"
#include "tests/testing/faulty_vfs.h"
#include "tests/testing/status_matchers.h"
#include "tests/testing/temporary_folder.h"

namespace joinery::server {
namespace {

using ::joinery::testing::IsOk;
using ::joinery::testing::StatusIs;

class JobQueueTest : public ::testing::Test {
 protected:
  void SetUp() override {
    blobs_.OnPut([this](const std::string& digest, int64_t size) {
      const storage::OwnedBlob blob = {.digest = digest, .size = size};
      EXPECT_THAT(owners_->Add(access::ActorOf(access::LocalCaller()), {&blob, 1}), IsOk());
    });
  }

  v1::CreateJobRequest MakeRequest(const std::string& request_id = "request") {
    v1::CreateJobRequest request;
    request.set_request_id(request_id);
    v1::JobSpec& spec = *request.mutable_spec();
    v1::BlobRef blob;
    blob.set_digest(blobs_.Put("blob"));
    blob.set_size(4);
    *spec.mutable_build()->mutable_model() = blob;
    *spec.mutable_build()->mutable_calibration() = blob;
    return request;
  }

  static absl::StatusOr<v1::Job> Create(JobQueue& queue, const v1::CreateJobRequest& request) {
    absl::StatusOr<v1::Job> answer = absl::UnknownError("not answered");
    absl::Notification answered;
    const absl::Status begun = queue.Create(access::LocalCaller(), request, [&](absl::StatusOr<v1::Job> job) {
      answer = std::move(job);
      answered.Notify();
    });
    if (!begun.ok()) return begun;
    answered.WaitForNotification();
    return answer;
  }

  // Counts in told_.
  std::unique_ptr<JobWatch> WatchFromTheStart(const std::string& id) {
    return queue_.Watch(access::LocalCaller(), id, 0, [this] { ++told_; }).value();
  }

  joinery::testing::TemporaryFolder folder_;
  joinery::testing::FakeClock clock_;
  joinery::testing::FakeBlobStore blobs_;
  std::unique_ptr<storage::SqliteJobStore> jobs_ =
      storage::SqliteJobStore::Open({.path = folder_ / "joinery.db", .restart_grace = absl::Seconds(15), .vfs = ""},
                                    clock_, joinery::testing::FakeRandomSource(1))
          .value();
  std::unique_ptr<storage::SqliteBlobOwners> owners_ =
      storage::SqliteBlobOwners::Open(folder_ / "joinery.db", clock_, jobs_->writer()).value();
  BlobAccess access_{blobs_, *owners_};
  JobQueue queue_{*jobs_, access_, {.lease_term = absl::Seconds(15)}};
  std::atomic<int> told_ = 0;
};

TEST_F(JobQueueTest, AJobClaimedForAWorkerThatHasJustGoneReturnsToTheQueue) {
  ASSERT_OK_AND_ASSIGN(const v1::Job job, Create(queue_, MakeRequest()));
  int asked = 0;
  const auto gone_after_the_claim = [&] { return ++asked > 1; };
  EXPECT_THAT(queue_.Lease({"worker", "1"}, absl::Seconds(1), gone_after_the_claim),
              StatusIs(absl::StatusCode::kCancelled, ::testing::_));
  EXPECT_EQ(queue_.Get(access::LocalCaller(), job.id())->state(), v1::JOB_STATE_QUEUED);
  EXPECT_EQ(queue_.Get(access::LocalCaller(), job.id())->attempts(), 0);
}

TEST_F(JobQueueTest, AVendorsToolIsALabelThatTheWorkerMustHave) {
  v1::CreateJobRequest request = MakeRequest();
  request.mutable_spec()->mutable_build()->set_vendor_tool("pulsar2");
  request.mutable_options()->mutable_requirements()->add_labels("lab");
  ASSERT_OK_AND_ASSIGN(const v1::Job job, Create(queue_, request));
  EXPECT_THAT(job.options().requirements().labels(), ::testing::ElementsAre("lab", "vendor:pulsar2"));
  const auto is_gone = [] { return false; };
  storage::WorkerInfo worker{"worker", "1"};
  worker.capabilities.add_labels("lab");
  ASSERT_OK_AND_ASSIGN(const auto none, queue_.Lease(worker, absl::ZeroDuration(), is_gone));
  EXPECT_FALSE(none.has_value());
  worker.capabilities.add_labels("vendor:pulsar2");
  ASSERT_OK_AND_ASSIGN(const auto lease, queue_.Lease(worker, absl::ZeroDuration(), is_gone));
  ASSERT_TRUE(lease.has_value());
  EXPECT_EQ(lease->job.id(), job.id());

  request.set_request_id("again");
  request.mutable_spec()->mutable_build()->set_model_name("another");
  request.mutable_options()->mutable_requirements()->add_labels("vendor:pulsar2");
  ASSERT_OK_AND_ASSIGN(const v1::Job again, Create(queue_, request));
  EXPECT_THAT(again.options().requirements().labels(), ::testing::ElementsAre("lab", "vendor:pulsar2"));
}

TEST_F(JobQueueTest, C06_WatchersOfJobsThatShareARunEachSeeTheirOwnJobToItsEnd) {
  ASSERT_OK_AND_ASSIGN(const v1::Job first, Create(queue_, MakeRequest("first")));
  ASSERT_OK_AND_ASSIGN(const auto lease, queue_.Lease({"worker", "1"}, absl::Seconds(1), [] { return false; }));
  ASSERT_OK_AND_ASSIGN(const v1::Job second, Create(queue_, MakeRequest("second")));
  EXPECT_EQ(second.merged_with(), first.id());

  std::vector<std::unique_ptr<JobWatch>> watches;
  for (const std::string& id : {first.id(), second.id()}) {
    watches.push_back(WatchFromTheStart(id));
    ASSERT_OK_AND_ASSIGN(const JobWatch::News news, watches.back()->Next());
    EXPECT_EQ(news.events.size(), 2);
    EXPECT_FALSE(news.over);
  }
  told_ = 0;
  v1::JobEvent line;
  line.mutable_log()->set_text("a line");
  EXPECT_THAT(queue_.Extend(lease->token, {&line, 1}, 1), IsOk());
  EXPECT_EQ(told_, 2);
  v1::Failure failure;
  failure.set_reason(v1::FAILURE_REASON_INVALID_MODEL);
  EXPECT_THAT(queue_.Finish(lease->token, failure, {}, 0, storage::ServerActor()), IsOk());
  EXPECT_EQ(told_, 4);

  for (size_t i = 0; i < 2; ++i) {
    ASSERT_OK_AND_ASSIGN(const JobWatch::News news, watches[i]->Next());
    ASSERT_EQ(news.events.size(), 2);
    EXPECT_EQ(news.events[0].sequence(), 3);
    EXPECT_EQ(news.events[0].log().text(), "a line");
    EXPECT_EQ(news.events[1].sequence(), 4);
    EXPECT_EQ(news.events[1].job().id(), i == 0 ? first.id() : second.id());
    EXPECT_EQ(news.events[1].job().state(), v1::JOB_STATE_FAILED);
    EXPECT_TRUE(news.over);
    // Nothing more comes, nor is a watch that begins after the last event endless.
    ASSERT_OK_AND_ASSIGN(const JobWatch::News end, watches[i]->Next());
    EXPECT_TRUE(end.events.empty() && end.over);
  }
}

TEST_F(JobQueueTest, ALongHistoryComesInPieces) {
  ASSERT_OK_AND_ASSIGN(const v1::Job job, Create(queue_, MakeRequest()));
  ASSERT_OK_AND_ASSIGN(const auto lease, queue_.Lease({"worker", "1"}, absl::Seconds(1), [] { return false; }));
  std::vector<v1::JobEvent> lines(250);
  for (v1::JobEvent& line : lines) line.mutable_log()->set_text("a line");
  ASSERT_THAT(queue_.Extend(lease->token, lines, 1), IsOk());
  const auto watch = WatchFromTheStart(job.id());
  int64_t last = 0;
  bool more = true;
  while (more) {
    ASSERT_OK_AND_ASSIGN(const JobWatch::News news, watch->Next());
    ASSERT_LE(news.events.size(), 100);
    for (const v1::JobEvent& event : news.events) EXPECT_EQ(event.sequence(), ++last);
    more = news.more;
  }
  EXPECT_EQ(last, 252);
}

TEST_F(JobQueueTest, AWatchIsToldOfWhatNobodyAnnouncedAndOnlyWhileItLives) {
  ASSERT_OK_AND_ASSIGN(const v1::Job job, Create(queue_, MakeRequest()));
  {
    const auto watch = WatchFromTheStart(job.id());
    EXPECT_EQ(told_, 0);
    ASSERT_THAT(queue_.Tend(), IsOk());
    EXPECT_GT(told_, 0);
    told_ = 0;
  }
  ASSERT_THAT(queue_.Cancel(access::LocalCaller(), job.id()), IsOk());
  EXPECT_EQ(told_, 0);
}

TEST_F(JobQueueTest, AStoppedQueueEndsWatches) {
  ASSERT_OK_AND_ASSIGN(const v1::Job job, Create(queue_, MakeRequest()));
  const auto watch = WatchFromTheStart(job.id());
  queue_.Stop();
  EXPECT_EQ(told_, 1);
  EXPECT_THAT(watch->Next(), StatusIs(absl::StatusCode::kUnavailable, ::testing::_));
}

TEST_F(JobQueueTest, C15_HousekeepingGoesOnAfterTheDatabaseCouldNotBeWritten) {
  joinery::testing::FaultyVfs::Register();
  const joinery::testing::TemporaryFolder folder;
  ASSERT_OK_AND_ASSIGN(const auto jobs, storage::SqliteJobStore::Open({.path = folder / "joinery.db",
                                                                       .restart_grace = absl::Seconds(15),
                                                                       .vfs = joinery::testing::FaultyVfs::kName},
                                                                      clock_, joinery::testing::FakeRandomSource(1)));
  JobQueue queue(*jobs, access_, {.lease_term = absl::Seconds(15)});
  ASSERT_OK_AND_ASSIGN(const v1::Job job, Create(queue, MakeRequest()));
  ASSERT_OK_AND_ASSIGN(const auto lease, queue.Lease({"worker", "1"}, absl::Seconds(1), [] { return false; }));
  ASSERT_TRUE(lease.has_value());
  clock_.Advance(absl::Seconds(15));
  joinery::testing::FaultyVfs::FailFrom(1);
  EXPECT_THAT(queue.Tend(), StatusIs(absl::StatusCode::kResourceExhausted, ::testing::_));
  EXPECT_THAT(queue.Tend(), StatusIs(absl::StatusCode::kResourceExhausted, ::testing::_));
  joinery::testing::FaultyVfs::FailFrom(0);
  EXPECT_THAT(queue.Tend(), IsOk());
  EXPECT_EQ(queue.Get(access::LocalCaller(), job.id())->state(), v1::JOB_STATE_QUEUED);
}

TEST_F(JobQueueTest, ALeaseThatDoesNotWaitAnswersAtOnce) {
  ASSERT_OK_AND_ASSIGN(const auto lease, queue_.Lease({"worker", "1"}, absl::ZeroDuration(), [] { return false; }));
  EXPECT_FALSE(lease.has_value());
}

TEST_F(JobQueueTest, AStoppedQueueGivesNoLeases) {
  ASSERT_THAT(Create(queue_, MakeRequest()), IsOk());
  queue_.Stop();
  EXPECT_THAT(queue_.Lease({"worker", "1"}, absl::Seconds(1), [] { return false; }),
              StatusIs(absl::StatusCode::kUnavailable, ::testing::_));
}

}  // namespace
}  // namespace joinery::server
