#include "server/job_queue.h"

#include <string>

#include "storage/sqlite/blob_owners.h"
#include "storage/sqlite/job_store.h"
#include "tests/testing/fake_blob_store.h"
#include "tests/testing/fake_clock.h"
#include "tests/testing/fake_random_source.h"
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
};

TEST_F(JobQueueTest, AJobClaimedForAWorkerThatHasJustGoneReturnsToTheQueue) {
  ASSERT_OK_AND_ASSIGN(const v1::Job job, queue_.Create(access::LocalCaller(), MakeRequest()));
  int asked = 0;
  const auto gone_after_the_claim = [&] { return ++asked > 1; };
  EXPECT_THAT(queue_.Lease({"worker", "1"}, absl::Seconds(1), gone_after_the_claim),
              StatusIs(absl::StatusCode::kCancelled, ::testing::_));
  EXPECT_EQ(queue_.Get(access::LocalCaller(), job.id())->state(), v1::JOB_STATE_QUEUED);
  EXPECT_EQ(queue_.Get(access::LocalCaller(), job.id())->attempts(), 0);
}

TEST_F(JobQueueTest, ALeaseThatDoesNotWaitAnswersAtOnce) {
  ASSERT_OK_AND_ASSIGN(const auto lease, queue_.Lease({"worker", "1"}, absl::ZeroDuration(), [] { return false; }));
  EXPECT_FALSE(lease.has_value());
}

TEST_F(JobQueueTest, AWatcherThatWantsNoMoreEndsTheWatch) {
  ASSERT_OK_AND_ASSIGN(const v1::Job job, queue_.Create(access::LocalCaller(), MakeRequest()));
  EXPECT_THAT(
      queue_.Watch(
          access::LocalCaller(), job.id(), 0, [] { return false; }, [](const v1::JobEvent&, bool) { return false; }),
      StatusIs(absl::StatusCode::kCancelled, ::testing::_));
  EXPECT_THAT(
      queue_.Watch(
          access::LocalCaller(), job.id(), 0, [] { return true; }, [](const v1::JobEvent&, bool) { return true; }),
      StatusIs(absl::StatusCode::kCancelled, ::testing::_));
}

TEST_F(JobQueueTest, AStoppedQueueGivesNoLeases) {
  ASSERT_THAT(queue_.Create(access::LocalCaller(), MakeRequest()), IsOk());
  queue_.Stop();
  EXPECT_THAT(queue_.Lease({"worker", "1"}, absl::Seconds(1), [] { return false; }),
              StatusIs(absl::StatusCode::kUnavailable, ::testing::_));
}

}  // namespace
}  // namespace joinery::server
