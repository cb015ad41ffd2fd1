// A whole server within the test: real gRPC on a free port, real SQLite, blobs in memory.
#pragma once

#include <grpcpp/grpcpp.h>

#include <memory>
#include <string>
#include <utility>
#include <vector>

#include "absl/strings/str_cat.h"
#include "base/clock.h"
#include "base/digest.h"
#include "joinery/v1/admin.grpc.pb.h"
#include "joinery/v1/blobs.grpc.pb.h"
#include "joinery/v1/jobs.grpc.pb.h"
#include "joinery/v1/server.grpc.pb.h"
#include "joinery/v1/workers.grpc.pb.h"
#include "server/server.h"
#include "storage/sqlite/access_store.h"
#include "storage/sqlite/audit_log.h"
#include "storage/sqlite/blob_owners.h"
#include "storage/sqlite/job_store.h"
#include "tests/testing/fake_authenticator.h"
#include "tests/testing/fake_blob_store.h"
#include "tests/testing/fake_clock.h"
#include "tests/testing/fake_random_source.h"
#include "tests/testing/status_matchers.h"
#include "tests/testing/temporary_folder.h"

namespace joinery::server {

MATCHER_P2(IsGrpcError, code, message, "") {
  *result_listener << "code " << arg.error_code() << ": " << arg.error_message();
  return arg.error_code() == code && ::testing::ExplainMatchResult(message, arg.error_message(), result_listener);
}

MATCHER(IsGrpcOk, "is OK") {
  *result_listener << "code " << arg.error_code() << ": " << arg.error_message();
  return arg.ok();
}

class ServerTest : public ::testing::Test {
 protected:
  static constexpr int64_t kMaxBlobBytes = 64 << 20;

  void SetUp() override {
    auto jobs =
        storage::SqliteJobStore::Open({.path = folder_ / "joinery.db", .restart_grace = absl::Seconds(15), .vfs = ""},
                                      clock_, joinery::testing::FakeRandomSource(1));
    ASSERT_THAT(jobs, joinery::testing::IsOk());
    jobs_ = *std::move(jobs);
    auto owners = storage::SqliteBlobOwners::Open(folder_ / "joinery.db", clock_, jobs_->writer());
    ASSERT_THAT(owners, joinery::testing::IsOk());
    owners_ = *std::move(owners);
    accounts_ = *storage::SqliteAccessStore::Open({.path = folder_ / "joinery.db", .vfs = ""});
    audit_log_ = *storage::SqliteAuditLog::Open(folder_ / "joinery.db", jobs_->writer());
    administration_ =
        std::make_unique<access::Administration>(*accounts_, clock_, joinery::testing::FakeRandomSource(2));
    blobs_.OnPut([this](const std::string& digest, int64_t size) {
      const storage::OwnedBlob blob = {.digest = digest, .size = size};
      EXPECT_THAT(owners_->Add(access::ActorOf(access::LocalCaller()), {&blob, 1}), joinery::testing::IsOk());
    });
    Restart({.max_blob_bytes = kMaxBlobBytes});
  }

  // A new server on the same stores.
  void Restart(const UploadLimits& uploads) {
    server_.reset();
    auto server = Server::Start({.listen = "127.0.0.1:0",
                                 .admin = {.administration = administration_.get(), .audit_log = audit_log_.get()},
                                 .jobs = {.lease_term = absl::Seconds(15)},
                                 .uploads = uploads},
                                authenticator_, *jobs_, blobs_, *owners_, clock_);
    ASSERT_THAT(server, joinery::testing::IsOk());
    server_ = *std::move(server);
    channel_ = grpc::CreateChannel(absl::StrCat("127.0.0.1:", server_->port()), grpc::InsecureChannelCredentials());
    blob_stub_ = v1::BlobService::NewStub(channel_);
    job_stub_ = v1::JobService::NewStub(channel_);
    worker_stub_ = v1::WorkerService::NewStub(channel_);
    admin_stub_ = v1::AdminService::NewStub(channel_);
  }

  // A request for a job whose blobs are there.
  v1::CreateJobRequest MakeRequest(const std::string& request_id) {
    v1::CreateJobRequest request;
    request.set_request_id(request_id);
    v1::BuildSpec& build = *request.mutable_spec()->mutable_build();
    build.mutable_model()->set_digest(blobs_.Put("model"));
    build.mutable_model()->set_size(5);
    build.mutable_calibration()->set_digest(blobs_.Put("images"));
    build.mutable_calibration()->set_size(6);
    build.set_model_name("m.onnx");
    return request;
  }

  v1::JobResult MakeResult() {
    v1::JobResult result;
    result.mutable_artifact()->set_digest(blobs_.Put("artifact"));
    result.mutable_artifact()->set_size(8);
    result.mutable_report()->set_digest(blobs_.Put("report"));
    result.mutable_report()->set_size(6);
    return result;
  }

  grpc::Status Create(const v1::CreateJobRequest& request, v1::Job* job) {
    grpc::ClientContext context;
    return job_stub_->CreateJob(&context, request, job);
  }

  // The new job's id.
  std::string Create(const std::string& request_id) {
    v1::Job job;
    EXPECT_THAT(Create(MakeRequest(request_id), &job), IsGrpcOk());
    return job.id();
  }

  v1::Job Get(const std::string& id) {
    grpc::ClientContext context;
    v1::GetJobRequest request;
    request.set_id(id);
    v1::Job job;
    EXPECT_THAT(job_stub_->GetJob(&context, request, &job), IsGrpcOk());
    return job;
  }

  v1::Lease Lease(absl::Duration wait = absl::ZeroDuration()) {
    grpc::ClientContext context;
    v1::LeaseJobRequest request;
    request.set_worker("worker");
    request.mutable_wait()->set_seconds(absl::ToInt64Seconds(wait));
    v1::LeaseJobResponse response;
    EXPECT_THAT(worker_stub_->LeaseJob(&context, request, &response), IsGrpcOk());
    return response.lease();
  }

  grpc::Status Finish(const v1::FinishJobRequest& request) {
    grpc::ClientContext context;
    v1::FinishJobResponse response;
    return worker_stub_->FinishJob(&context, request, &response);
  }

  grpc::Status Cancel(const std::string& id, v1::Job* job) {
    grpc::ClientContext context;
    v1::CancelJobRequest request;
    request.set_id(id);
    return job_stub_->CancelJob(&context, request, job);
  }

  joinery::testing::TemporaryFolder folder_;
  joinery::testing::FakeClock clock_;
  joinery::testing::FakeAuthenticator authenticator_;
  joinery::testing::FakeBlobStore blobs_;
  std::unique_ptr<storage::SqliteJobStore> jobs_;
  std::unique_ptr<storage::SqliteBlobOwners> owners_;
  std::unique_ptr<storage::SqliteAccessStore> accounts_;
  std::unique_ptr<storage::SqliteAuditLog> audit_log_;
  std::unique_ptr<access::Administration> administration_;
  std::unique_ptr<Server> server_;
  std::shared_ptr<grpc::Channel> channel_;
  std::unique_ptr<v1::BlobService::Stub> blob_stub_;
  std::unique_ptr<v1::JobService::Stub> job_stub_;
  std::unique_ptr<v1::WorkerService::Stub> worker_stub_;
  std::unique_ptr<v1::AdminService::Stub> admin_stub_;
};

}  // namespace joinery::server
