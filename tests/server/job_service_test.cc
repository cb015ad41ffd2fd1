// Jobs as clients and workers see them, over the wire.
#include "server/job_service.h"

#include <string>
#include <thread>
#include <vector>

#include "absl/time/clock.h"
#include "tests/server/server_fixture.h"

namespace joinery::server {
namespace {

using ::testing::ElementsAre;
using ::testing::HasSubstr;

class JobServiceTest : public ServerTest {
 protected:
  std::unique_ptr<grpc::ClientReader<v1::JobEvent>> Watch(grpc::ClientContext& context, const std::string& id,
                                                          int64_t after_sequence) {
    v1::WatchJobRequest request;
    request.set_id(id);
    request.set_after_sequence(after_sequence);
    return job_stub_->WatchJob(&context, request);
  }

  // All sequences to the end of the stream.
  std::vector<int64_t> WatchToEnd(const std::string& id, int64_t after_sequence) {
    grpc::ClientContext context;
    const auto reader = Watch(context, id, after_sequence);
    std::vector<int64_t> sequences;
    v1::JobEvent event;
    while (reader->Read(&event)) sequences.push_back(event.sequence());
    EXPECT_THAT(reader->Finish(), IsGrpcOk());
    return sequences;
  }
};

TEST_F(JobServiceTest, AJobLives) {
  const std::string id = Create("request");
  EXPECT_EQ(Get(id).state(), v1::JOB_STATE_QUEUED);
  const v1::Lease lease = Lease();
  EXPECT_EQ(lease.job().id(), id);
  EXPECT_EQ(lease.term().seconds(), 15);

  v1::HeartbeatRequest heartbeat;
  heartbeat.set_token(lease.token());
  heartbeat.add_events()->mutable_log()->set_text("hello");
  v1::Progress& progress = *heartbeat.add_events()->mutable_progress();
  progress.set_stage("calibrate");
  progress.set_fraction(0.5);
  grpc::ClientContext context;
  v1::HeartbeatResponse response;
  ASSERT_THAT(worker_stub_->Heartbeat(&context, heartbeat, &response), IsGrpcOk());
  EXPECT_FALSE(response.cancel_requested());
  EXPECT_EQ(Get(id).progress().stage(), "calibrate");

  v1::FinishJobRequest finish;
  finish.set_token(lease.token());
  *finish.mutable_result() = MakeResult();
  ASSERT_THAT(Finish(finish), IsGrpcOk());
  EXPECT_THAT(Finish(finish), IsGrpcOk());
  EXPECT_EQ(Get(id).result().artifact().size(), 8);
  EXPECT_THAT(WatchToEnd(id, 0), ElementsAre(1, 2, 3, 4, 5));
  EXPECT_THAT(WatchToEnd(id, 3), ElementsAre(4, 5));
  EXPECT_THAT(WatchToEnd(id, 5), ElementsAre());
  EXPECT_THAT(WatchToEnd(id, 1000), ElementsAre());
}

TEST_F(JobServiceTest, SubmittingAgainIsSafe) {
  v1::CreateJobRequest request = MakeRequest("request");
  v1::Job first;
  v1::Job second;
  ASSERT_THAT(Create(request, &first), IsGrpcOk());
  ASSERT_THAT(Create(request, &second), IsGrpcOk());
  EXPECT_EQ(first.id(), second.id());
  request.mutable_spec()->mutable_build()->set_model_name("another.onnx");
  EXPECT_THAT(Create(request, &second), IsGrpcError(grpc::StatusCode::ALREADY_EXISTS, HasSubstr(first.id())));
}

TEST_F(JobServiceTest, AJobWhoseBlobsAreMissingIsRefused) {
  v1::Job job;
  v1::CreateJobRequest request = MakeRequest("request");
  request.mutable_spec()->mutable_build()->mutable_model()->set_digest(base::Sha256("absent"));
  EXPECT_THAT(Create(request, &job),
              IsGrpcError(grpc::StatusCode::FAILED_PRECONDITION, HasSubstr(base::Sha256("absent"))));
  request = MakeRequest("request");
  request.mutable_spec()->mutable_build()->mutable_calibration()->set_size(7);
  EXPECT_THAT(Create(request, &job), IsGrpcError(grpc::StatusCode::FAILED_PRECONDITION, HasSubstr("6 bytes, not 7")));
  EXPECT_EQ(jobs_->Counts()->queued, 0);
}

TEST_F(JobServiceTest, AResultWhoseBlobsAreMissingIsRefused) {
  Create("request");
  v1::FinishJobRequest finish;
  finish.set_token(Lease().token());
  *finish.mutable_result() = MakeResult();
  finish.mutable_result()->mutable_report()->set_digest(base::Sha256("absent"));
  EXPECT_THAT(Finish(finish), IsGrpcError(grpc::StatusCode::FAILED_PRECONDITION, HasSubstr("result.report")));
  *finish.mutable_result() = MakeResult();
  finish.mutable_result()->mutable_html_report()->set_digest(base::Sha256("absent"));
  EXPECT_THAT(Finish(finish), IsGrpcError(grpc::StatusCode::FAILED_PRECONDITION, HasSubstr("result.html_report")));
}

TEST_F(JobServiceTest, AQueuedJobReachesAWaitingWorkerAtOnce) {
  std::string leased;
  absl::Time leased_at;
  std::thread worker([&] {
    leased = Lease(absl::Seconds(15)).job().id();
    leased_at = absl::Now();
  });
  // The worker is known once it waits.
  while (jobs_->Workers(absl::Hours(1))->empty()) absl::SleepFor(absl::Milliseconds(1));
  const std::string id = Create("request");
  const absl::Time created_at = absl::Now();
  worker.join();
  EXPECT_EQ(leased, id);
  // Milliseconds in truth; far below any period of polling, far above what a busy machine takes.
  EXPECT_LT(leased_at - created_at, absl::Milliseconds(150));
}

TEST_F(JobServiceTest, ALeaseThatRanOutWakesTheNextWorkerAndTheLateOneIsAborted) {
  const std::string id = Create("request");
  const v1::Lease late = Lease();
  clock_.Advance(absl::Seconds(15));
  while (Get(id).state() != v1::JOB_STATE_QUEUED) absl::SleepFor(absl::Milliseconds(1));
  clock_.Advance(absl::Seconds(1));  // A job that lost its worker rests.
  const v1::Lease next = Lease(absl::Seconds(15));
  EXPECT_EQ(next.job().id(), id);
  EXPECT_EQ(next.job().attempts(), 2);
  v1::FinishJobRequest finish;
  finish.set_token(late.token());
  finish.mutable_failure()->set_reason(v1::FAILURE_REASON_INTERNAL);
  EXPECT_THAT(Finish(finish), IsGrpcError(grpc::StatusCode::ABORTED, HasSubstr("lost")));
  v1::HeartbeatRequest heartbeat;
  heartbeat.set_token(late.token());
  grpc::ClientContext context;
  v1::HeartbeatResponse response;
  EXPECT_THAT(worker_stub_->Heartbeat(&context, heartbeat, &response),
              IsGrpcError(grpc::StatusCode::ABORTED, HasSubstr("lost")));
}

TEST_F(JobServiceTest, AWatcherSeesWhatHappensAsItHappens) {
  const std::string id = Create("request");
  grpc::ClientContext context;
  const auto reader = Watch(context, id, 0);
  v1::JobEvent event;
  ASSERT_TRUE(reader->Read(&event));
  EXPECT_EQ(event.job().state(), v1::JOB_STATE_QUEUED);
  const v1::Lease lease = Lease();
  ASSERT_TRUE(reader->Read(&event));
  EXPECT_EQ(event.job().state(), v1::JOB_STATE_RUNNING);
  EXPECT_EQ(event.job().spec().build().model_name(), "m.onnx");
  v1::Job job;
  ASSERT_THAT(Cancel(id, &job), IsGrpcOk());
  EXPECT_TRUE(job.cancel_requested());
  v1::FinishJobRequest finish;
  finish.set_token(lease.token());
  finish.add_events()->mutable_log()->set_text("stopped");
  finish.mutable_cancelled();
  ASSERT_THAT(Finish(finish), IsGrpcOk());
  ASSERT_TRUE(reader->Read(&event));
  EXPECT_EQ(event.log().text(), "stopped");
  ASSERT_TRUE(reader->Read(&event));
  EXPECT_EQ(event.job().state(), v1::JOB_STATE_CANCELLED);
  EXPECT_FALSE(reader->Read(&event));
  EXPECT_THAT(reader->Finish(), IsGrpcOk());
}

TEST_F(JobServiceTest, AWaitingWorkerThatGoesAwayTakesNoJob) {
  grpc::ClientContext context;
  std::thread worker([&] {
    v1::LeaseJobRequest request;
    request.set_worker("gone");
    request.mutable_wait()->set_seconds(15);
    v1::LeaseJobResponse response;
    EXPECT_THAT(worker_stub_->LeaseJob(&context, request, &response),
                IsGrpcError(grpc::StatusCode::CANCELLED, HasSubstr("")));
  });
  while (jobs_->Workers(absl::Hours(1))->empty()) absl::SleepFor(absl::Milliseconds(1));
  context.TryCancel();
  worker.join();
  const std::string id = Create("request");
  EXPECT_EQ(Lease(absl::Seconds(15)).job().id(), id);
}

TEST_F(JobServiceTest, ShutdownEndsWaitsAndStreamsWithUnavailable) {
  const std::string id = Create("first");
  const v1::Lease lease = Lease();
  grpc::ClientContext watch_context;
  const auto reader = Watch(watch_context, id, 2);
  reader->WaitForInitialMetadata();
  grpc::Status lease_status;
  std::thread worker([&] {
    grpc::ClientContext context;
    v1::LeaseJobRequest request;
    request.set_worker("waiting");
    request.mutable_wait()->set_seconds(15);
    v1::LeaseJobResponse response;
    lease_status = worker_stub_->LeaseJob(&context, request, &response);
  });
  while (jobs_->Workers(absl::Hours(1))->size() < 2) absl::SleepFor(absl::Milliseconds(1));
  const absl::Time begin = absl::Now();
  server_->Shutdown(absl::Seconds(10));
  EXPECT_LT(absl::Now() - begin, absl::Seconds(5));
  worker.join();
  EXPECT_THAT(lease_status, IsGrpcError(grpc::StatusCode::UNAVAILABLE, HasSubstr("stopping")));
  v1::JobEvent event;
  EXPECT_FALSE(reader->Read(&event));
  EXPECT_THAT(reader->Finish(), IsGrpcError(grpc::StatusCode::UNAVAILABLE, HasSubstr("stopping")));
}

TEST_F(JobServiceTest, ListsWithFiltersAndPages) {
  for (const char* name : {"one", "two", "three"}) {
    v1::CreateJobRequest different = MakeRequest(name);
    different.mutable_spec()->mutable_build()->set_model_name(name);
    v1::Job job;
    ASSERT_THAT(Create(different, &job), IsGrpcOk());
  }
  Lease();
  v1::ListJobsRequest request;
  request.add_states(v1::JOB_STATE_QUEUED);
  request.set_page_size(1);
  v1::ListJobsResponse response;
  grpc::ClientContext first;
  ASSERT_THAT(job_stub_->ListJobs(&first, request, &response), IsGrpcOk());
  ASSERT_EQ(response.jobs_size(), 1);
  EXPECT_EQ(response.jobs(0).queue_position(), 1);
  request.set_page_token(response.next_page_token());
  grpc::ClientContext second;
  ASSERT_THAT(job_stub_->ListJobs(&second, request, &response), IsGrpcOk());
  EXPECT_EQ(response.jobs(0).queue_position(), 0);
  EXPECT_EQ(response.next_page_token(), "");
  request.set_page_size(1001);
  grpc::ClientContext third;
  EXPECT_THAT(job_stub_->ListJobs(&third, request, &response),
              IsGrpcError(grpc::StatusCode::INVALID_ARGUMENT, HasSubstr("page_size")));
}

TEST_F(JobServiceTest, JobsThatAreNotThereAreNotFound) {
  const auto not_found = IsGrpcError(grpc::StatusCode::NOT_FOUND, HasSubstr("nothing"));
  v1::Job job;
  EXPECT_THAT(Cancel("nothing", &job), not_found);
  grpc::ClientContext get_context;
  v1::GetJobRequest request;
  request.set_id("nothing");
  EXPECT_THAT(job_stub_->GetJob(&get_context, request, &job), not_found);
  grpc::ClientContext watch_context;
  EXPECT_THAT(Watch(watch_context, "nothing", 0)->Finish(), not_found);
}

}  // namespace
}  // namespace joinery::server
