// Clients and workers that do nothing but call: gRPC's callback API serves all of them with the library's own few
// threads, so that what is measured is the server rather than a crowd of threads beside it. Each has a connection of
// its own.
#pragma once

#include <grpcpp/grpcpp.h>

#include <atomic>
#include <memory>
#include <string>
#include <vector>

#include "absl/synchronization/blocking_counter.h"
#include "joinery/v1/jobs.grpc.pb.h"
#include "joinery/v1/workers.grpc.pb.h"
#include "tests/bench/queue/figures.h"

namespace joinery::bench {

inline constexpr int kLinesPerJob = 5;

// What clients and workers report to.
struct Totals {
  // The first submission of each client, which all make at the same moment, and all later ones.
  Figures first_submit;
  Figures submit;
  // From the call until a worker has the job, of the jobs that were submitted one at a time.
  Figures until_leased;
  std::atomic<int> errors = 0;
  std::atomic<int> lost_events = 0;
  std::atomic<int> finished = 0;
  std::atomic<bool> stop = false;
  // When the job that is submitted while all workers are idle was sent, as nanoseconds; 0 if there is none.
  std::atomic<int64_t> idle_sent_at = 0;

  void Check(const grpc::Status& status, const char* what);
};

std::shared_ptr<grpc::Channel> Connect(const std::string& address);
void WaitUntilConnected(grpc::Channel& channel);

v1::BlobRef Upload(const std::shared_ptr<grpc::Channel>& channel, const std::string& bytes, Totals& totals);

// Submits a job, watches it to its end, submits the next, as a person's `joinery build` in a loop would.
class Client {
 public:
  Client(const std::string& address, int number, const v1::BlobRef& blob, Totals& totals);
  ~Client();
  Client(const Client&) = delete;
  Client& operator=(const Client&) = delete;

  void WaitUntilConnected() { bench::WaitUntilConnected(*channel_); }

  // Decrements `left` after `jobs` jobs have ended. One run at a time.
  void Start(int jobs, absl::BlockingCounter& left);
  // One call that does nothing (gRPC's health check) after the other, `calls` of them.
  void StartEmptyCalls(int calls, Figures& figures, absl::BlockingCounter& left);

 private:
  class Watcher;
  struct EmptyCalls;

  void Submit();
  void Submitted(const grpc::Status& status, absl::Time begin);
  void Watched();
  void CallEmpty();

  const std::shared_ptr<grpc::Channel> channel_;
  const std::unique_ptr<v1::JobService::Stub> stub_;
  const int number_;
  const v1::BlobRef blob_;
  Totals& totals_;
  int next_ = 0;
  int jobs_left_ = 0;
  absl::BlockingCounter* left_ = nullptr;
  std::unique_ptr<grpc::ClientContext> context_;
  v1::CreateJobRequest request_;
  v1::Job job_;
  std::unique_ptr<Watcher> watcher_;
  std::unique_ptr<EmptyCalls> empty_calls_;
};

// Leases, sends one heartbeat with log lines, finishes, leases.
class Worker {
 public:
  Worker(const std::string& address, int number, const v1::BlobRef& blob, Totals& totals);
  Worker(const Worker&) = delete;
  Worker& operator=(const Worker&) = delete;

  // Decrements `left` once totals.stop is set and the last call has ended.
  void Start(absl::BlockingCounter& left);

 private:
  void Lease();
  void Leased(const grpc::Status& status);
  void Beaten(const grpc::Status& status);

  const std::shared_ptr<grpc::Channel> channel_;
  const std::unique_ptr<v1::WorkerService::Stub> stub_;
  const int number_;
  const v1::BlobRef blob_;
  Totals& totals_;
  absl::BlockingCounter* left_ = nullptr;
  std::unique_ptr<grpc::ClientContext> context_;
  v1::LeaseJobRequest lease_request_;
  v1::LeaseJobResponse lease_response_;
  v1::HeartbeatRequest heartbeat_request_;
  v1::HeartbeatResponse heartbeat_response_;
  v1::FinishJobRequest finish_request_;
  v1::FinishJobResponse finish_response_;
};

}  // namespace joinery::bench
