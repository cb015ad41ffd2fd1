#include "tests/bench/queue/load.h"

#include <google/protobuf/empty.pb.h>
#include <grpcpp/generic/generic_stub.h>

#include <iostream>
#include <utility>

#include "absl/strings/str_cat.h"
#include "absl/time/clock.h"
#include "base/digest.h"
#include "joinery/v1/blobs.grpc.pb.h"

namespace joinery::bench {

using Empty = google::protobuf::Empty;

void Totals::Check(const grpc::Status& status, const char* what) {
  if (status.ok()) return;
  ++errors;
  std::cerr << what << ": " << status.error_message() << '\n';
}

std::shared_ptr<grpc::Channel> Connect(const std::string& address) {
  grpc::ChannelArguments arguments;
  arguments.SetInt(GRPC_ARG_USE_LOCAL_SUBCHANNEL_POOL, 1);
  arguments.SetInt(GRPC_ARG_ENABLE_HTTP_PROXY, 0);
  return grpc::CreateCustomChannel(address, grpc::InsecureChannelCredentials(), arguments);
}

void WaitUntilConnected(grpc::Channel& channel) {
  channel.WaitForConnected(absl::ToChronoTime(absl::Now() + absl::Seconds(30)));
}

v1::BlobRef Upload(const std::shared_ptr<grpc::Channel>& channel, const std::string& bytes, Totals& totals) {
  v1::BlobRef blob;
  blob.set_digest(base::Sha256(bytes));
  blob.set_size(static_cast<int64_t>(bytes.size()));
  grpc::ClientContext context;
  v1::UploadBlobResponse response;
  const auto writer = v1::BlobService::NewStub(channel)->UploadBlob(&context, &response);
  v1::UploadBlobRequest message;
  *message.mutable_header() = blob;
  writer->Write(message);
  message.mutable_chunk()->set_data(bytes);
  writer->Write(message);
  writer->WritesDone();
  totals.Check(writer->Finish(), "UploadBlob");
  return blob;
}

// One watch of one job.
class Client::Watcher : public grpc::ClientReadReactor<v1::JobEvent> {
 public:
  Watcher(Client& client, const std::string& id) : client_(client) {
    request_.set_id(id);
    client_.stub_->async()->WatchJob(&context_, &request_, this);
    StartRead(&event_);
    StartCall();
  }

  void OnReadDone(bool ok) override {
    if (!ok) return;
    if (event_.sequence() != ++sequence_) ++client_.totals_.lost_events;
    lines_ += event_.has_log() ? 1 : 0;
    succeeded_ = event_.has_job() && event_.job().state() == v1::JOB_STATE_SUCCEEDED;
    StartRead(&event_);
  }

  void OnDone(const grpc::Status& status) override {
    client_.totals_.Check(status, "WatchJob");
    if (lines_ != kLinesPerJob || !succeeded_) ++client_.totals_.lost_events;
    client_.Watched();
  }

 private:
  Client& client_;
  grpc::ClientContext context_;
  v1::WatchJobRequest request_;
  v1::JobEvent event_;
  int64_t sequence_ = 0;
  int lines_ = 0;
  bool succeeded_ = false;
};

struct Client::EmptyCalls {
  explicit EmptyCalls(const std::shared_ptr<grpc::Channel>& channel) : stub(channel) {}

  grpc::TemplatedGenericStub<Empty, Empty> stub;
  Empty request;
  Empty response;
  absl::Time begin;
  int calls = 0;
  Figures* figures = nullptr;
};

Client::Client(const std::string& address, int number, const v1::BlobRef& blob, Totals& totals)
    : channel_(Connect(address)),
      stub_(v1::JobService::NewStub(channel_)),
      number_(number),
      blob_(blob),
      totals_(totals) {}

Client::~Client() = default;

void Client::Start(int jobs, absl::BlockingCounter& left) {
  jobs_left_ = jobs;
  left_ = &left;
  Submit();
}

void Client::Submit() {
  request_.Clear();
  request_.set_request_id(absl::StrCat("client ", number_, " job ", next_++));
  v1::BuildSpec& build = *request_.mutable_spec()->mutable_build();
  *build.mutable_model() = blob_;
  *build.mutable_calibration() = blob_;
  build.set_configuration(std::string(500, '#'));
  build.set_model_name(request_.request_id());
  context_ = std::make_unique<grpc::ClientContext>();
  const absl::Time begin = absl::Now();
  stub_->async()->CreateJob(context_.get(), &request_, &job_,
                            [this, begin](const grpc::Status& status) { Submitted(status, begin); });
}

void Client::Submitted(const grpc::Status& status, absl::Time begin) {
  (next_ == 1 ? totals_.first_submit : totals_.submit).Add(absl::Now() - begin);
  totals_.Check(status, "CreateJob");
  watcher_ = std::make_unique<Watcher>(*this, job_.id());
}

void Client::Watched() {
  if (--jobs_left_ > 0) return Submit();
  left_->DecrementCount();
}

void Client::StartEmptyCalls(int calls, Figures& figures, absl::BlockingCounter& left) {
  empty_calls_ = std::make_unique<EmptyCalls>(channel_);
  empty_calls_->calls = calls;
  empty_calls_->figures = &figures;
  left_ = &left;
  CallEmpty();
}

void Client::CallEmpty() {
  EmptyCalls& calls = *empty_calls_;
  context_ = std::make_unique<grpc::ClientContext>();
  calls.begin = absl::Now();
  calls.stub.UnaryCall(context_.get(), "/grpc.health.v1.Health/Check", {}, &calls.request, &calls.response,
                       [this, &calls](const grpc::Status& status) {
                         calls.figures->Add(absl::Now() - calls.begin);
                         totals_.Check(status, "Health.Check");
                         if (--calls.calls > 0) return CallEmpty();
                         left_->DecrementCount();
                       });
}

Worker::Worker(const std::string& address, int number, const v1::BlobRef& blob, Totals& totals)
    : channel_(Connect(address)),
      stub_(v1::WorkerService::NewStub(channel_)),
      number_(number),
      blob_(blob),
      totals_(totals) {}

void Worker::Start(absl::BlockingCounter& left) {
  left_ = &left;
  Lease();
}

void Worker::Lease() {
  if (totals_.stop) {
    left_->DecrementCount();
    return;
  }
  lease_request_.set_worker(absl::StrCat("worker ", number_));
  lease_request_.set_compiler_version("1");
  lease_request_.mutable_wait()->set_seconds(1);
  context_ = std::make_unique<grpc::ClientContext>();
  stub_->async()->LeaseJob(context_.get(), &lease_request_, &lease_response_,
                           [this](const grpc::Status& status) { Leased(status); });
}

void Worker::Leased(const grpc::Status& status) {
  totals_.Check(status, "LeaseJob");
  if (!lease_response_.has_lease()) return Lease();
  const int64_t sent_at = totals_.idle_sent_at.exchange(0);
  if (sent_at != 0) totals_.until_leased.Add(absl::Now() - absl::FromUnixNanos(sent_at));
  heartbeat_request_.Clear();
  heartbeat_request_.set_token(lease_response_.lease().token());
  heartbeat_request_.set_first_event(1);
  for (int i = 0; i < kLinesPerJob; ++i) heartbeat_request_.add_events()->mutable_log()->set_text("a line of the log");
  context_ = std::make_unique<grpc::ClientContext>();
  stub_->async()->Heartbeat(context_.get(), &heartbeat_request_, &heartbeat_response_,
                            [this](const grpc::Status& beaten) { Beaten(beaten); });
}

void Worker::Beaten(const grpc::Status& status) {
  totals_.Check(status, "Heartbeat");
  finish_request_.set_token(heartbeat_request_.token());
  *finish_request_.mutable_result()->mutable_artifact() = blob_;
  *finish_request_.mutable_result()->mutable_report() = blob_;
  context_ = std::make_unique<grpc::ClientContext>();
  stub_->async()->FinishJob(context_.get(), &finish_request_, &finish_response_, [this](const grpc::Status& finished) {
    totals_.Check(finished, "FinishJob");
    ++totals_.finished;
    Lease();
  });
}

}  // namespace joinery::bench
