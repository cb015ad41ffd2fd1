// The server as monitoring sees it: over HTTP, by gRPC's health service, and in what a collector is sent.
#include "server/monitoring.h"

#include <gmock/gmock.h>
#include <grpcpp/generic/generic_stub.h>
#include <grpcpp/support/byte_buffer.h>
#include <gtest/gtest.h>
#include <httplib.h>

#include <memory>
#include <string>
#include <thread>
#include <utility>
#include <vector>

#include "absl/strings/match.h"
#include "absl/synchronization/notification.h"
#include "absl/time/clock.h"
#include "storage/sqlite/error_log.h"
#include "tests/server/server_fixture.h"
#include "tests/telemetry/fake_exporter.h"
#include "tests/testing/faulty_vfs.h"

namespace joinery::server {
namespace {

using ::joinery::testing::FaultyVfs;
using ::joinery::testing::IsOk;
using ::testing::HasSubstr;
using ::testing::Not;

constexpr char kServing[] = "\x08\x01";
constexpr char kNotServing[] = "\x08\x02";

const telemetry::TraceContext kCaller = {"4bf92f3577b34da6a3ce929d0e0e4736", "00f067aa0ba902b7", true};

class MonitoringTest : public ServerTest {
 protected:
  void SetUp() override {
    ServerTest::SetUp();
    Start(*jobs_);
  }

  // Another server, which looks at itself often.
  void Start(storage::JobStore& jobs) {
    server_.reset();
    auto server = Server::Start({.listen = "127.0.0.1:0",
                                 .jobs = {.lease_term = absl::Seconds(15)},
                                 .uploads = {.max_blob_bytes = kMaxBlobBytes},
                                 .monitoring = {.listen = "127.0.0.1:0",
                                                .tracer = &spans_.tracer,
                                                .readiness = {.period = absl::Milliseconds(2)}}},
                                authenticator_, jobs, blobs_, *owners_, clock_);
    ASSERT_THAT(server, IsOk());
    server_ = *std::move(server);
    channel_ = grpc::CreateChannel(absl::StrCat("127.0.0.1:", server_->port()), grpc::InsecureChannelCredentials());
    blob_stub_ = v1::BlobService::NewStub(channel_);
    job_stub_ = v1::JobService::NewStub(channel_);
    worker_stub_ = v1::WorkerService::NewStub(channel_);
  }

  httplib::Response Fetch(const std::string& path) {
    const httplib::Result result = httplib::Client("127.0.0.1", server_->monitoring_port()).Get(path);
    EXPECT_TRUE(result) << httplib::to_string(result.error());
    return result ? *result : httplib::Response();
  }

  // The serialized HealthCheckResponse.
  std::string Health() {
    grpc::GenericStub stub(channel_);
    grpc::ClientContext context;
    const grpc::Slice nothing;
    const grpc::ByteBuffer request(&nothing, 1);
    grpc::ByteBuffer response;
    absl::Notification done;
    stub.UnaryCall(&context, "/grpc.health.v1.Health/Check", {}, &request, &response, [&](const grpc::Status& status) {
      EXPECT_THAT(status, IsGrpcOk());
      done.Notify();
    });
    done.WaitForNotification();
    grpc::Slice whole;
    return response.DumpToSingleSlice(&whole).ok()
               ? std::string(reinterpret_cast<const char*>(whole.begin()), whole.size())
               : "";
  }

  // Waits until both say so, as they do soon.
  void ExpectReady(bool ready) {
    const absl::Time deadline = absl::Now() + absl::Seconds(30);
    const std::string wanted = ready ? kServing : kNotServing;
    while (Health() != wanted && absl::Now() < deadline) absl::SleepFor(absl::Milliseconds(2));
    EXPECT_EQ(Health(), wanted);
    EXPECT_EQ(Fetch("/readyz").status, ready ? 200 : 503);
    EXPECT_EQ(Fetch("/healthz").status, 200);
    EXPECT_TRUE(absl::StrContains(Fetch("/metrics").body, ready ? "\njoinery_ready 1\n" : "\njoinery_ready 0\n"));
  }

  // A job from submission to its end, within the caller's trace; its id.
  std::string RunJob() {
    grpc::ClientContext context;
    context.AddMetadata(telemetry::kTraceparentKey, telemetry::FormatTraceparent(kCaller));
    v1::Job job;
    EXPECT_THAT(job_stub_->CreateJob(&context, MakeRequest("traced"), &job), IsGrpcOk());
    clock_.Advance(absl::Seconds(3));
    const v1::Lease lease = Lease();
    Progress(lease, "import");
    clock_.Advance(absl::Seconds(2));
    Progress(lease, "calibrate");
    clock_.Advance(absl::Seconds(10));
    v1::FinishJobRequest finish;
    finish.set_token(lease.token());
    *finish.mutable_result() = MakeResult();
    EXPECT_THAT(Finish(finish), IsGrpcOk());
    return job.id();
  }

  void Progress(const v1::Lease& lease, const std::string& stage) {
    grpc::ClientContext context;
    v1::HeartbeatRequest request;
    request.set_token(lease.token());
    request.add_events()->mutable_progress()->set_stage(stage);
    v1::HeartbeatResponse response;
    EXPECT_THAT(worker_stub_->Heartbeat(&context, request, &response), IsGrpcOk());
  }

  telemetry::TestTracer spans_;
};

TEST_F(MonitoringTest, U10NotServingWhileTheBlobStoreIsUnusable) {
  ExpectReady(true);
  blobs_.SetWritable(absl::PermissionDeniedError("read-only file system"));
  ExpectReady(false);
  EXPECT_EQ(Fetch("/readyz").body, "not ready: the blob store cannot be used: read-only file system\n");
  blobs_.SetWritable(absl::OkStatus());
  ExpectReady(true);
}

TEST_F(MonitoringTest, U10NotServingWhileTheDatabaseIsUnusable) {
  FaultyVfs::Register();
  FaultyVfs::FailFrom(0);
  auto jobs = storage::SqliteJobStore::Open(
      {.path = folder_ / "faulty.db", .restart_grace = absl::Seconds(15), .vfs = FaultyVfs::kName}, clock_,
      joinery::testing::FakeRandomSource(1));
  ASSERT_THAT(jobs, IsOk());
  Start(**jobs);
  ExpectReady(true);
  const int64_t full_before = storage::SqliteErrorCounts()["FULL"];
  FaultyVfs::FailFrom(1);
  ExpectReady(false);
  EXPECT_THAT(Fetch("/readyz").body, HasSubstr("the database cannot be used"));
  // What can be read is still there.
  EXPECT_THAT(Fetch("/metrics").body, HasSubstr("joinery_jobs{state=\"queued\"} 0\n"));
  EXPECT_GT(storage::SqliteErrorCounts()["FULL"], full_before);
  EXPECT_THAT(Fetch("/metrics").body, Not(HasSubstr("joinery_sqlite_errors_total{code=\"FULL\"} 0\n")));
  FaultyVfs::FailFrom(0);
  ExpectReady(true);
  server_.reset();
}

TEST_F(MonitoringTest, U10NotServingWhileTheLastCallsEnd) {
  ExpectReady(true);
  const std::string bytes = "four";
  grpc::ClientContext context;
  v1::UploadBlobResponse response;
  const auto upload = blob_stub_->UploadBlob(&context, &response);
  v1::UploadBlobRequest message;
  message.mutable_header()->set_digest(base::Sha256(bytes));
  message.mutable_header()->set_size(static_cast<int64_t>(bytes.size()));
  ASSERT_TRUE(upload->Write(message));
  const std::string begun = "joinery_rpc_server_in_progress{method=\"BlobService/UploadBlob\"} 1\n";
  while (!absl::StrContains(Fetch("/metrics").body, begun)) absl::SleepFor(absl::Milliseconds(2));

  std::thread stopping([&] { server_->Shutdown(absl::Seconds(60)); });
  const absl::Time deadline = absl::Now() + absl::Seconds(30);
  while (Fetch("/readyz").status != 503 && absl::Now() < deadline) absl::SleepFor(absl::Milliseconds(2));
  EXPECT_EQ(Fetch("/readyz").body, "not ready: the server is stopping\n");
  EXPECT_EQ(Fetch("/healthz").status, 200);
  EXPECT_TRUE(absl::StrContains(Fetch("/metrics").body, "\njoinery_draining 1\n"));
  message.mutable_chunk()->set_data(bytes);
  EXPECT_TRUE(upload->Write(message));
  upload->WritesDone();
  EXPECT_THAT(upload->Finish(), IsGrpcOk());
  stopping.join();
}

TEST_F(MonitoringTest, CountsWhatHappensToJobs) {
  RunJob();
  Create("answered");
  v1::CreateJobRequest fresh = MakeRequest("waits");
  fresh.mutable_options()->set_fresh(true);
  v1::Job waiting;
  ASSERT_THAT(ServerTest::Create(fresh, &waiting), IsGrpcOk());
  clock_.Advance(absl::Seconds(9));
  const std::string metrics = Fetch("/metrics").body;
  for (const char* line : {
           "joinery_jobs_submitted_total 3\n",
           "joinery_jobs_answered_total 1\n",
           "joinery_jobs_finished_total{reason=\"\",state=\"succeeded\"} 2\n",
           "joinery_attempts_total{end=\"succeeded\"} 1\n",
           "joinery_job_queue_seconds_sum 3\n",
           "joinery_job_queue_seconds_bucket{le=\"2.5\"} 0\n",
           "joinery_job_queue_seconds_bucket{le=\"5\"} 1\n",
           "joinery_attempt_seconds_sum 12\n",
           "joinery_build_stage_seconds_sum{stage=\"import\"} 2\n",
           "joinery_build_stage_seconds_sum{stage=\"calibrate\"} 10\n",
           "joinery_jobs{state=\"queued\"} 1\n",
           "joinery_jobs{state=\"running\"} 0\n",
           "joinery_queue_oldest_seconds 9\n",
           "joinery_rpc_server_handled_total{code=\"OK\",method=\"JobService/CreateJob\"} 3\n",
           "joinery_rpc_server_handled_total{code=\"OK\",method=\"WorkerService/FinishJob\"} 1\n",
           "joinery_rpc_server_seconds_count{method=\"WorkerService/Heartbeat\"} 2\n",
           "joinery_sqlite_errors_total{code=\"CORRUPT\"} 0\n",
           "joinery_draining 0\n",
           "joinery_workers{state=\"idle\"} 1\n",
       }) {
    EXPECT_TRUE(absl::StrContains(metrics, line)) << line;
  }
}

TEST_F(MonitoringTest, CountsLostAttemptsAndTheirJobs) {
  Create("lost");
  for (int attempt = 1; attempt <= 3; ++attempt) {
    v1::Lease lease;
    while (lease.token().empty()) {
      lease = Lease();
      // A job rests between attempts.
      if (lease.token().empty()) clock_.Advance(absl::Seconds(10));
    }
    clock_.Advance(absl::Seconds(16));
    const std::string line = absl::StrCat("joinery_attempts_total{end=\"lost\"} ", attempt, "\n");
    const absl::Time deadline = absl::Now() + absl::Seconds(30);
    while (Fetch("/metrics").body.find(line) == std::string::npos && absl::Now() < deadline) {
      absl::SleepFor(absl::Milliseconds(5));
    }
    EXPECT_THAT(Fetch("/metrics").body, HasSubstr(line));
  }
  EXPECT_THAT(Fetch("/metrics").body,
              HasSubstr("joinery_jobs_finished_total{reason=\"worker_lost\",state=\"failed\"} 1\n"));
}

TEST_F(MonitoringTest, CountsBytesOfBlobs) {
  const std::string bytes(3 << 20, 'x');
  grpc::ClientContext context;
  v1::UploadBlobResponse response;
  const auto writer = blob_stub_->UploadBlob(&context, &response);
  v1::UploadBlobRequest message;
  message.mutable_header()->set_digest(base::Sha256(bytes));
  message.mutable_header()->set_size(static_cast<int64_t>(bytes.size()));
  writer->Write(message);
  for (size_t offset = 0; offset < bytes.size(); offset += 1 << 20) {
    message.mutable_chunk()->set_offset(static_cast<int64_t>(offset));
    message.mutable_chunk()->set_data(bytes.substr(offset, 1 << 20));
    writer->Write(message);
  }
  writer->WritesDone();
  ASSERT_THAT(writer->Finish(), IsGrpcOk());
  grpc::ClientContext download_context;
  v1::DownloadBlobRequest request;
  request.set_digest(base::Sha256(bytes));
  request.set_offset(1 << 20);
  const auto reader = blob_stub_->DownloadBlob(&download_context, request);
  v1::DownloadBlobResponse piece;
  while (reader->Read(&piece)) EXPECT_FALSE(piece.data().empty());
  ASSERT_THAT(reader->Finish(), IsGrpcOk());
  const std::string metrics = Fetch("/metrics").body;
  EXPECT_THAT(metrics, HasSubstr(absl::StrCat("joinery_blob_received_bytes_total ", 3 << 20, "\n")));
  EXPECT_THAT(metrics, HasSubstr(absl::StrCat("joinery_blob_sent_bytes_total ", 2 << 20, "\n")));
  EXPECT_THAT(metrics, HasSubstr("joinery_blobs 1\n"));
  EXPECT_THAT(metrics, HasSubstr(absl::StrCat("joinery_blob_bytes ", 3 << 20, "\n")));
}

TEST_F(MonitoringTest, AJobKeepsTheTraceOfItsCallAndTellsHowLongItWaited) {
  const std::string id = RunJob();
  const std::vector<telemetry::Span> spans = spans_.exported->WaitFor(2);
  ASSERT_EQ(spans.size(), 2);
  const telemetry::Span& call = spans[0].name == "queue" ? spans[1] : spans[0];
  const telemetry::Span& queue = spans[0].name == "queue" ? spans[0] : spans[1];
  EXPECT_EQ(call.name, "JobService/CreateJob");
  EXPECT_EQ(call.context.trace_id, kCaller.trace_id);
  EXPECT_EQ(call.parent_span_id, kCaller.span_id);
  EXPECT_EQ(Get(id).options().traceparent(), telemetry::FormatTraceparent(call.context));
  EXPECT_EQ(queue.name, "queue");
  EXPECT_EQ(queue.parent_span_id, call.context.span_id);
  EXPECT_EQ(queue.end - queue.start, absl::Seconds(3));
}

TEST_F(MonitoringTest, AskingAgainForAJobIsTheSameRequestWhateverItsTrace) {
  std::string id;
  for (const char* span : {"00f067aa0ba902b7", "00f067aa0ba902b8"}) {
    grpc::ClientContext context;
    context.AddMetadata(telemetry::kTraceparentKey, telemetry::FormatTraceparent({kCaller.trace_id, span, true}));
    v1::Job job;
    ASSERT_THAT(job_stub_->CreateJob(&context, MakeRequest("again"), &job), IsGrpcOk());
    EXPECT_TRUE(id.empty() || id == job.id());
    id = job.id();
  }
}

}  // namespace
}  // namespace joinery::server
