// A server in the test's process, with the faults a test asks for. Thread-safe.
#pragma once

#include <grpcpp/server.h>
#include <grpcpp/server_builder.h>

#include <algorithm>
#include <map>
#include <memory>
#include <set>
#include <string>
#include <vector>

#include "absl/strings/str_cat.h"
#include "absl/synchronization/mutex.h"
#include "base/digest.h"
#include "joinery/v1/blobs.grpc.pb.h"
#include "joinery/v1/jobs.grpc.pb.h"
#include "joinery/v1/server.grpc.pb.h"
#include "joinery/v1/workers.grpc.pb.h"

namespace joinery::testing {

// What it holds and how it misbehaves. Guarded by `mutex` while calls may be running.
struct FakeState {
  absl::Mutex mutex;
  std::map<std::string, std::string> blobs;
  std::map<std::string, v1::Job> jobs;
  std::vector<v1::JobEvent> events;  // Of every job.
  bool quiet_at_the_end = false;     // A watch that has sent all waits instead of ending.

  std::map<std::string, std::string> partial;  // What broken uploads left.
  int drop_uploads = 0;                        // So many break after their second chunk; all of it is kept.
  bool forget_uploads = false;                 // As a server of an older version, which does not know GetUpload.
  std::vector<int64_t> upload_offsets;         // Of the first chunk of each upload.

  int drop_downloads = 0;  // So many break after their first message.
  bool damage_downloads = false;
  int drop_watches = 0;      // So many break after their first event.
  int lose_submissions = 0;  // So many are stored, but their answers are lost.
  grpc::Status fail_all;     // What GetJob answers unless OK.

  std::vector<std::string> uploads;       // Digests, as uploads ended.
  std::vector<std::string> request_ids;   // Of CreateJob.
  std::vector<int64_t> download_offsets;  // Of DownloadBlob.
  std::vector<int64_t> watch_sequences;   // after_sequence of WatchJob.
  v1::BuildSpec submitted;                // The newest.
  v1::JobOptions submitted_options;       // The same job's.
  std::vector<v1::Worker> workers;
};

class FakeBlobs : public v1::BlobService::Service {
 public:
  explicit FakeBlobs(FakeState& state) : state_(state) {}

  grpc::Status FindMissingBlobs(grpc::ServerContext* /*context*/, const v1::FindMissingBlobsRequest* request,
                                v1::FindMissingBlobsResponse* response) override {
    const absl::MutexLock lock(&state_.mutex);
    for (const std::string& digest : request->digests()) {
      if (state_.blobs.count(digest) == 0) response->add_digests(digest);
    }
    return grpc::Status::OK;
  }

  grpc::Status GetUpload(grpc::ServerContext* /*context*/, const v1::GetUploadRequest* request,
                         v1::Upload* response) override {
    const absl::MutexLock lock(&state_.mutex);
    if (state_.forget_uploads) return {grpc::StatusCode::UNIMPLEMENTED, ""};
    response->set_complete(state_.blobs.count(request->digest()) > 0);
    response->set_received(static_cast<int64_t>(state_.partial[request->digest()].size()));
    return grpc::Status::OK;
  }

  grpc::Status UploadBlob(grpc::ServerContext* /*context*/, grpc::ServerReader<v1::UploadBlobRequest>* reader,
                          v1::UploadBlobResponse* /*response*/) override {
    v1::UploadBlobRequest request;
    if (!reader->Read(&request) || !request.has_header()) return {grpc::StatusCode::INVALID_ARGUMENT, "no header"};
    const std::string digest = request.header().digest();
    std::string bytes;
    bool drop = false;
    {
      const absl::MutexLock lock(&state_.mutex);
      if (!state_.forget_uploads) bytes = state_.partial[digest];
      drop = state_.drop_uploads-- > 0;
    }
    for (int chunk = 0; reader->Read(&request); ++chunk) {
      if (chunk == 0) {
        const absl::MutexLock lock(&state_.mutex);
        state_.upload_offsets.push_back(request.chunk().offset());
      }
      if (drop && chunk == 2) {
        const absl::MutexLock lock(&state_.mutex);
        state_.partial[digest] = bytes;
        return {grpc::StatusCode::UNAVAILABLE, "dropped"};
      }
      if (request.chunk().offset() != static_cast<int64_t>(bytes.size()))
        return {grpc::StatusCode::OUT_OF_RANGE, "gap"};
      if (request.chunk().data().size() > (size_t{1} << 20)) return {grpc::StatusCode::INVALID_ARGUMENT, "too long"};
      bytes += request.chunk().data();
    }
    if (base::Sha256(bytes) != digest) return {grpc::StatusCode::DATA_LOSS, "digest mismatch"};
    const absl::MutexLock lock(&state_.mutex);
    state_.blobs[digest] = bytes;
    state_.uploads.push_back(digest);
    return grpc::Status::OK;
  }

  grpc::Status DownloadBlob(grpc::ServerContext* /*context*/, const v1::DownloadBlobRequest* request,
                            grpc::ServerWriter<v1::DownloadBlobResponse>* writer) override {
    std::string bytes;
    bool drop = false;
    {
      const absl::MutexLock lock(&state_.mutex);
      const auto found = state_.blobs.find(request->digest());
      if (found == state_.blobs.end()) return {grpc::StatusCode::NOT_FOUND, "no such blob"};
      bytes = found->second;
      drop = state_.drop_downloads-- > 0;
      state_.download_offsets.push_back(request->offset());
      if (state_.damage_downloads) bytes[bytes.size() / 2] ^= 1;
    }
    for (size_t begin = static_cast<size_t>(request->offset()); begin < bytes.size(); begin += 1000) {
      v1::DownloadBlobResponse response;
      response.set_data(bytes.substr(begin, 1000));
      writer->Write(response);
      if (drop) return {grpc::StatusCode::UNAVAILABLE, "dropped"};
    }
    return grpc::Status::OK;
  }

 private:
  FakeState& state_;
};

class FakeJobs : public v1::JobService::Service {
 public:
  explicit FakeJobs(FakeState& state) : state_(state) {}

  grpc::Status CreateJob(grpc::ServerContext* /*context*/, const v1::CreateJobRequest* request,
                         v1::Job* response) override {
    const absl::MutexLock lock(&state_.mutex);
    state_.request_ids.push_back(request->request_id());
    state_.submitted = request->spec().build();
    state_.submitted_options = request->options();
    if (state_.lose_submissions-- > 0) return {grpc::StatusCode::UNAVAILABLE, "the answer was lost"};
    response->set_id("job-1");
    response->set_state(v1::JOB_STATE_QUEUED);
    return grpc::Status::OK;
  }

  grpc::Status GetJob(grpc::ServerContext* /*context*/, const v1::GetJobRequest* request, v1::Job* response) override {
    const absl::MutexLock lock(&state_.mutex);
    if (!state_.fail_all.ok()) return state_.fail_all;
    const auto found = state_.jobs.find(request->id());
    if (found == state_.jobs.end()) return {grpc::StatusCode::NOT_FOUND, "no such job"};
    *response = found->second;
    return grpc::Status::OK;
  }

  // One job a page, so that paging is needed.
  grpc::Status ListJobs(grpc::ServerContext* /*context*/, const v1::ListJobsRequest* request,
                        v1::ListJobsResponse* response) override {
    const absl::MutexLock lock(&state_.mutex);
    auto next = state_.jobs.lower_bound(request->page_token());
    if (next != state_.jobs.end()) *response->add_jobs() = (next++)->second;
    if (next != state_.jobs.end()) response->set_next_page_token(next->first);
    return grpc::Status::OK;
  }

  grpc::Status WatchJob(grpc::ServerContext* context, const v1::WatchJobRequest* request,
                        grpc::ServerWriter<v1::JobEvent>* writer) override {
    std::vector<v1::JobEvent> events;
    bool drop = false;
    bool quiet = false;
    {
      const absl::MutexLock lock(&state_.mutex);
      events = state_.events;
      drop = state_.drop_watches-- > 0;
      quiet = state_.quiet_at_the_end;
      state_.watch_sequences.push_back(request->after_sequence());
    }
    for (const v1::JobEvent& event : events) {
      if (event.sequence() <= request->after_sequence()) continue;
      writer->Write(event);
      // As a server that stops does.
      if (drop) return {grpc::StatusCode::CANCELLED, "dropped"};
    }
    while (quiet && !context->IsCancelled()) absl::SleepFor(absl::Milliseconds(5));
    return grpc::Status::OK;
  }

 private:
  FakeState& state_;
};

class FakeWorkers : public v1::WorkerService::Service {
 public:
  explicit FakeWorkers(FakeState& state) : state_(state) {}

  grpc::Status ListWorkers(grpc::ServerContext* /*context*/, const v1::ListWorkersRequest* /*request*/,
                           v1::ListWorkersResponse* response) override {
    const absl::MutexLock lock(&state_.mutex);
    for (const v1::Worker& worker : state_.workers) *response->add_workers() = worker;
    return grpc::Status::OK;
  }

 private:
  FakeState& state_;
};

class FakeServer {
 public:
  FakeServer() {
    grpc::ServerBuilder builder;
    int port = 0;
    builder.AddListeningPort("127.0.0.1:0", grpc::InsecureServerCredentials(), &port);
    builder.RegisterService(&blobs_);
    builder.RegisterService(&jobs_);
    builder.RegisterService(&workers_);
    server_ = builder.BuildAndStart();
    address_ = absl::StrCat("127.0.0.1:", port);
  }
  ~FakeServer() { server_->Shutdown(std::chrono::system_clock::now()); }
  FakeServer(const FakeServer&) = delete;
  FakeServer& operator=(const FakeServer&) = delete;

  const std::string& address() const { return address_; }
  FakeState& state() { return state_; }

  v1::BlobRef AddBlob(const std::string& bytes) {
    v1::BlobRef blob;
    blob.set_digest(base::Sha256(bytes));
    blob.set_size(static_cast<int64_t>(bytes.size()));
    const absl::MutexLock lock(&state_.mutex);
    state_.blobs[blob.digest()] = bytes;
    return blob;
  }

  // The job, and a history for it: queued, calibrating, a line of log, and the job as it is if it is final.
  void AddJob(const v1::Job& job) {
    const absl::MutexLock lock(&state_.mutex);
    state_.jobs[job.id()] = job;
    state_.events.assign(4, {});
    for (size_t i = 0; i < state_.events.size(); ++i) state_.events[i].set_sequence(static_cast<int64_t>(i) + 1);
    state_.events[0].mutable_job()->set_id(job.id());
    state_.events[0].mutable_job()->set_state(v1::JOB_STATE_QUEUED);
    state_.events[0].mutable_job()->set_queue_position(2);
    state_.events[1].mutable_progress()->set_stage("calibrate");
    state_.events[1].mutable_progress()->set_stage_index(3);
    state_.events[1].mutable_progress()->set_stage_count(7);
    state_.events[2].mutable_log()->set_text("a line of log");
    *state_.events[3].mutable_job() = job;
    state_.quiet_at_the_end = job.state() == v1::JOB_STATE_RUNNING;
    if (state_.quiet_at_the_end) state_.events.pop_back();
  }

 private:
  FakeState state_;
  FakeBlobs blobs_{state_};
  FakeJobs jobs_{state_};
  FakeWorkers workers_{state_};
  std::string address_;
  std::unique_ptr<grpc::Server> server_;
};

}  // namespace joinery::testing
