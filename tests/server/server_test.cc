// What the server says of itself: information, health, reflection.
#include "server/server.h"

#include <grpcpp/generic/generic_stub.h>
#include <grpcpp/support/byte_buffer.h>

#include <string>

#include "base/version.h"
#include "tests/server/server_fixture.h"

namespace joinery::server {
namespace {

// Calls a method whose generated code gRPC's packages do not have. Messages are given and returned as serialized.
class RawCall {
 public:
  RawCall(const std::shared_ptr<grpc::Channel>& channel, const std::string& method) : stub_(channel) {
    call_ = stub_.PrepareCall(&context_, method, &queue_);
    call_->StartCall(this);
    Next();
  }
  ~RawCall() {
    context_.TryCancel();
    queue_.Shutdown();
    void* tag = nullptr;
    bool ok = false;
    while (queue_.Next(&tag, &ok)) continue;
  }
  RawCall(const RawCall&) = delete;
  RawCall& operator=(const RawCall&) = delete;

  std::string Ask(const std::string& request) {
    const grpc::Slice slice(request);
    call_->Write(grpc::ByteBuffer(&slice, 1), this);
    Next();
    grpc::ByteBuffer answer;
    call_->Read(&answer, this);
    Next();
    grpc::Slice whole;
    EXPECT_TRUE(answer.DumpToSingleSlice(&whole).ok());
    return {reinterpret_cast<const char*>(whole.begin()), whole.size()};
  }

 private:
  void Next() {
    void* tag = nullptr;
    bool ok = false;
    EXPECT_TRUE(queue_.Next(&tag, &ok) && ok);
  }

  grpc::GenericStub stub_;
  grpc::ClientContext context_;
  grpc::CompletionQueue queue_;
  std::unique_ptr<grpc::GenericClientAsyncReaderWriter> call_;
};

TEST_F(ServerTest, TellsWhatItIsAndHas) {
  blobs_.Put("four");
  Create("request");
  Lease();
  Lease();
  clock_.Advance(absl::Seconds(7));
  const auto stub = v1::ServerService::NewStub(channel_);
  grpc::ClientContext context;
  v1::ServerInfo info;
  ASSERT_THAT(stub->GetServerInfo(&context, {}, &info), IsGrpcOk());
  EXPECT_EQ(info.version(), base::kVersion);
  EXPECT_EQ(info.uptime().seconds(), 7);
  EXPECT_EQ(info.max_blob_size(), kMaxBlobBytes);
  EXPECT_EQ(info.blob_count(), 3);
  EXPECT_EQ(info.blob_bytes(), 15);
  EXPECT_GT(info.free_bytes(), 0);
  EXPECT_EQ(info.queued_jobs(), 0);
  EXPECT_EQ(info.running_jobs(), 1);
  EXPECT_EQ(info.live_workers(), 1);

  grpc::ClientContext workers_context;
  v1::ListWorkersResponse workers;
  ASSERT_THAT(worker_stub_->ListWorkers(&workers_context, {}, &workers), IsGrpcOk());
  ASSERT_EQ(workers.workers_size(), 1);
  EXPECT_EQ(workers.workers(0).name(), "worker");
  EXPECT_NE(workers.workers(0).job_id(), "");
}

TEST_F(ServerTest, ServesHealth) {
  // HealthCheckResponse{status: SERVING}
  EXPECT_EQ(RawCall(channel_, "/grpc.health.v1.Health/Check").Ask(""), std::string("\x08\x01"));
}

TEST_F(ServerTest, ServesReflection) {
  // ServerReflectionRequest{list_services: "*"}
  const std::string answer =
      RawCall(channel_, "/grpc.reflection.v1alpha.ServerReflection/ServerReflectionInfo").Ask("\x3a\x01*");
  for (const char* service : {"joinery.v1.BlobService", "joinery.v1.JobService", "joinery.v1.WorkerService",
                              "joinery.v1.ServerService", "grpc.health.v1.Health"}) {
    EXPECT_THAT(answer, ::testing::HasSubstr(service));
  }
}

TEST_F(ServerTest, APortThatIsTakenIsRefusedWithWhatToDo) {
  EXPECT_THAT(
      Server::Start({.listen = absl::StrCat("127.0.0.1:", server_->port()), .jobs = {.lease_term = absl::Seconds(1)}},
                    authenticator_, *jobs_, blobs_, *owners_, clock_),
      joinery::testing::StatusIs(absl::StatusCode::kUnavailable, ::testing::HasSubstr("--listen")));
}

}  // namespace
}  // namespace joinery::server
