// A server of one process that gives out the leases a test wants, and remembers what workers said. Thread-safe.
#pragma once

#include <grpcpp/grpcpp.h>

#include <deque>
#include <functional>
#include <map>
#include <memory>
#include <optional>
#include <set>
#include <string>
#include <vector>

#include "absl/base/thread_annotations.h"
#include "absl/strings/match.h"
#include "absl/strings/str_cat.h"
#include "absl/synchronization/mutex.h"
#include "absl/time/time.h"
#include "base/digest.h"
#include "joinery/v1/blobs.grpc.pb.h"
#include "joinery/v1/workers.grpc.pb.h"

namespace joinery::testing {

class FakeServer {
 public:
  FakeServer() { Start(); }
  ~FakeServer() { Stop(); }

  // Goes away, dropping all calls; comes back on the same port.
  void Stop() {
    if (server_ != nullptr) server_->Shutdown(std::chrono::system_clock::now());
    server_.reset();
  }
  void Start() {
    grpc::ServerBuilder builder;
    builder.AddListeningPort(absl::StrCat("127.0.0.1:", port_), grpc::InsecureServerCredentials(), &port_);
    builder.RegisterService(&workers_);
    builder.RegisterService(&blobs_);
    server_ = builder.BuildAndStart();
  }

  std::string address() const { return absl::StrCat("127.0.0.1:", port_); }

  v1::BlobRef AddBlob(const std::string& bytes) {
    const absl::MutexLock lock(&mutex_);
    v1::BlobRef ref;
    ref.set_digest(base::Sha256(bytes));
    ref.set_size(static_cast<int64_t>(bytes.size()));
    stored_[ref.digest()] = bytes;
    return ref;
  }
  std::string Blob(const std::string& digest) {
    const absl::MutexLock lock(&mutex_);
    return stored_.count(digest) == 0 ? "" : stored_[digest];
  }

  // Queues a job whose configuration is `deed`; returns its lease's token.
  std::string AddJob(const std::string& deed, absl::Duration term = absl::Seconds(10)) {
    v1::Lease lease;
    v1::BuildSpec& spec = *lease.mutable_job()->mutable_spec()->mutable_build();
    *spec.mutable_model() = AddBlob("the model");
    *spec.mutable_calibration() = AddBlob("the photos");
    spec.set_configuration(deed);
    spec.set_model_name("../../net.onnx");
    spec.set_configuration_name("mine.prototxt");
    lease.mutable_term()->set_seconds(absl::ToInt64Seconds(term));
    lease.mutable_term()->set_nanos(static_cast<int32_t>(absl::ToInt64Nanoseconds(term % absl::Seconds(1))));
    return AddLease(std::move(lease));
  }
  std::string AddLease(v1::Lease lease) {
    const absl::MutexLock lock(&mutex_);
    const std::string number = absl::StrCat(++last_number_);
    lease.set_token("token-" + number);
    lease.mutable_job()->set_id("../job-" + number);
    queue_.push_back(lease);
    return lease.token();
  }

  void Cancel(const std::string& token) {
    const absl::MutexLock lock(&mutex_);
    cancelled_.insert(token);
  }
  void TakeLeaseAway(const std::string& token) {
    const absl::MutexLock lock(&mutex_);
    lost_.insert(token);
  }
  // The next so many calls of FinishJob are answered with `code`.
  void FailFinish(int times, grpc::StatusCode code) {
    const absl::MutexLock lock(&mutex_);
    finish_failures_ = times;
    finish_code_ = code;
  }

  // Waits up to 20 s for what a test is about; nullopt if it does not come.
  std::optional<v1::FinishJobRequest> WaitForFinish(const std::string& token) {
    const absl::MutexLock lock(&mutex_);
    const auto there = [&]() ABSL_NO_THREAD_SAFETY_ANALYSIS { return finished_.count(token) > 0; };
    if (!mutex_.AwaitWithTimeout(absl::Condition(&there), kPatience)) return std::nullopt;
    return finished_[token];
  }
  // A log line that contains `text`.
  std::optional<std::string> WaitForLine(const std::string& text) {
    const absl::MutexLock lock(&mutex_);
    std::optional<std::string> found;
    const auto there = [&]() ABSL_NO_THREAD_SAFETY_ANALYSIS {
      for (const v1::JobEvent& event : events_) {
        if (absl::StrContains(event.log().text(), text)) found = event.log().text();
      }
      return found.has_value();
    };
    mutex_.AwaitWithTimeout(absl::Condition(&there), kPatience);
    return found;
  }
  bool WaitForLeaseCalls(int count) {
    const absl::MutexLock lock(&mutex_);
    const auto there = [&]() ABSL_NO_THREAD_SAFETY_ANALYSIS { return lease_calls_ >= count; };
    return mutex_.AwaitWithTimeout(absl::Condition(&there), kPatience);
  }

  std::vector<v1::JobEvent> events() {
    const absl::MutexLock lock(&mutex_);
    return events_;
  }
  int uploads() {
    const absl::MutexLock lock(&mutex_);
    return uploads_;
  }
  std::string compiler_version() {
    const absl::MutexLock lock(&mutex_);
    return compiler_version_;
  }

 private:
  static constexpr absl::Duration kPatience = absl::Seconds(20);

  class Workers : public v1::WorkerService::Service {
   public:
    explicit Workers(FakeServer& server) : server_(server) {}

    grpc::Status LeaseJob(grpc::ServerContext* context, const v1::LeaseJobRequest* request,
                          v1::LeaseJobResponse* response) override {
      const absl::MutexLock lock(&server_.mutex_);
      ++server_.lease_calls_;
      server_.compiler_version_ = request->compiler_version();
      const absl::Time end = absl::Now() + absl::Seconds(request->wait().seconds());
      const auto there = [this]() ABSL_NO_THREAD_SAFETY_ANALYSIS { return !server_.queue_.empty(); };
      while (absl::Now() < end && !context->IsCancelled()) {
        // In short pieces, to notice a worker that hung up.
        if (!server_.mutex_.AwaitWithTimeout(absl::Condition(&there), absl::Milliseconds(10))) continue;
        *response->mutable_lease() = server_.queue_.front();
        server_.queue_.pop_front();
        break;
      }
      return grpc::Status::OK;
    }

    grpc::Status Heartbeat(grpc::ServerContext*, const v1::HeartbeatRequest* request,
                           v1::HeartbeatResponse* response) override {
      const absl::MutexLock lock(&server_.mutex_);
      if (server_.lost_.count(request->token()) > 0) return {grpc::StatusCode::ABORTED, "the lease was lost"};
      server_.events_.insert(server_.events_.end(), request->events().begin(), request->events().end());
      response->set_cancel_requested(server_.cancelled_.count(request->token()) > 0);
      return grpc::Status::OK;
    }

    grpc::Status FinishJob(grpc::ServerContext*, const v1::FinishJobRequest* request, v1::FinishJobResponse*) override {
      const absl::MutexLock lock(&server_.mutex_);
      if (server_.lost_.count(request->token()) > 0) return {grpc::StatusCode::ABORTED, "the lease was lost"};
      if (server_.finish_failures_ > 0) {
        --server_.finish_failures_;
        return {server_.finish_code_, "as the test wants"};
      }
      server_.events_.insert(server_.events_.end(), request->events().begin(), request->events().end());
      server_.finished_[request->token()] = *request;
      return grpc::Status::OK;
    }

   private:
    FakeServer& server_;
  };

  class Blobs : public v1::BlobService::Service {
   public:
    explicit Blobs(FakeServer& server) : server_(server) {}

    grpc::Status FindMissingBlobs(grpc::ServerContext*, const v1::FindMissingBlobsRequest* request,
                                  v1::FindMissingBlobsResponse* response) override {
      for (const std::string& digest : request->digests()) {
        if (server_.Blob(digest).empty()) response->add_digests(digest);
      }
      return grpc::Status::OK;
    }

    grpc::Status UploadBlob(grpc::ServerContext*, grpc::ServerReader<v1::UploadBlobRequest>* reader,
                            v1::UploadBlobResponse* response) override {
      v1::UploadBlobRequest request;
      reader->Read(&request);
      const v1::BlobRef header = request.header();
      std::string bytes;
      while (reader->Read(&request)) {
        if (request.chunk().offset() != static_cast<int64_t>(bytes.size())) return {grpc::StatusCode::OUT_OF_RANGE, ""};
        bytes += request.chunk().data();
      }
      *response->mutable_blob() = server_.AddBlob(bytes);
      const absl::MutexLock lock(&server_.mutex_);
      ++server_.uploads_;
      if (response->blob().digest() != header.digest()) return {grpc::StatusCode::DATA_LOSS, "wrong digest"};
      return grpc::Status::OK;
    }

    grpc::Status DownloadBlob(grpc::ServerContext*, const v1::DownloadBlobRequest* request,
                              grpc::ServerWriter<v1::DownloadBlobResponse>* writer) override {
      const std::string bytes = server_.Blob(request->digest());
      if (bytes.empty()) return {grpc::StatusCode::NOT_FOUND, "no such blob"};
      v1::DownloadBlobResponse response;
      response.set_size(static_cast<int64_t>(bytes.size()));
      response.set_data(bytes.substr(static_cast<size_t>(request->offset())));
      writer->Write(response);
      return grpc::Status::OK;
    }

   private:
    FakeServer& server_;
  };

  absl::Mutex mutex_;
  std::map<std::string, std::string> stored_ ABSL_GUARDED_BY(mutex_);
  std::deque<v1::Lease> queue_ ABSL_GUARDED_BY(mutex_);
  std::set<std::string> cancelled_ ABSL_GUARDED_BY(mutex_);
  std::set<std::string> lost_ ABSL_GUARDED_BY(mutex_);
  std::map<std::string, v1::FinishJobRequest> finished_ ABSL_GUARDED_BY(mutex_);
  std::vector<v1::JobEvent> events_ ABSL_GUARDED_BY(mutex_);
  std::string compiler_version_ ABSL_GUARDED_BY(mutex_);
  grpc::StatusCode finish_code_ ABSL_GUARDED_BY(mutex_) = grpc::StatusCode::OK;
  int finish_failures_ ABSL_GUARDED_BY(mutex_) = 0;
  int last_number_ ABSL_GUARDED_BY(mutex_) = 0;
  int lease_calls_ ABSL_GUARDED_BY(mutex_) = 0;
  int uploads_ ABSL_GUARDED_BY(mutex_) = 0;
  Workers workers_{*this};
  Blobs blobs_{*this};
  int port_ = 0;
  std::unique_ptr<grpc::Server> server_;
};

}  // namespace joinery::testing
