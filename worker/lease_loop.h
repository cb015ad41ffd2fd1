// The worker's life: ask for a job, run it, tell how it went, again.
#pragma once

#include <memory>
#include <stop_token>
#include <string>

#include "absl/random/bit_gen_ref.h"
#include "absl/status/status.h"
#include "base/clock.h"
#include "joinery/v1/blobs.grpc.pb.h"
#include "joinery/v1/workers.grpc.pb.h"
#include "telemetry/tracer.h"
#include "worker/blob_cache.h"
#include "worker/build_job.h"
#include "worker/metrics.h"
#include "worker/work_folder.h"

namespace joinery::worker {

struct LeaseLoopOptions {
  // Unique among workers.
  std::string worker_name;
  // HOST:PORT, for messages.
  std::string server = {};
  CompilerSettings compiler;
  std::string compiler_version;
  // Told to the server, so that it gives only jobs that fit; with the GPUs that compiler.gpus has at the moment.
  v1::Capabilities capabilities = {};
  // How long the server may hold a call while there is no job.
  absl::Duration lease_wait = absl::Seconds(20);
  // Bounds of the waits between attempts to reach the server.
  absl::Duration first_retry = absl::Milliseconds(100);
  absl::Duration longest_retry = absl::Seconds(2);
  // Who is told what happens; both outlive the loop. Null: nobody.
  telemetry::Tracer* tracer = nullptr;
  WorkerMetrics* metrics = nullptr;
};

// Not thread-safe; one job at a time.
class LeaseLoop {
 public:
  // All references must outlive this object. `clock` gives events their time; `stopwatch` measures leases and must not
  // jump.
  LeaseLoop(LeaseLoopOptions options, v1::WorkerService::StubInterface& workers, v1::BlobService::StubInterface& blobs,
            const BlobCache& cache, WorkFolder& work_folder, const base::Clock& clock, const base::Clock& stopwatch,
            absl::BitGenRef random);

  // Runs jobs until `stop` is requested; the job that runs then goes on until it is done or `hand_back` is requested.
  // While the server cannot be reached it tries again for ever, and logs only when that changes.
  // Errors: this worker cannot run jobs, whatever the job; the one it had is handed back.
  absl::Status Run(const std::stop_token& stop, const std::stop_token& hand_back);

 private:
  absl::Status Lease(const std::stop_token& stop, v1::LeaseJobResponse& response);
  absl::Status RunJob(const v1::Lease& lease, const std::stop_token& hand_back);
  absl::StatusOr<BuildOutcome> RunSpec(const v1::JobSpec& spec, const BuildContext& context);
  void LogConnection(const absl::Status& status);

  const LeaseLoopOptions options_;
  // What stands in for those that are null.
  WorkerMetrics unseen_metrics_;
  telemetry::Tracer unseen_tracer_;
  WorkerMetrics& metrics_;
  telemetry::Tracer& tracer_;
  v1::WorkerService::StubInterface& workers_;
  v1::BlobService::StubInterface& blobs_;
  const BlobCache& cache_;
  WorkFolder& work_folder_;
  const base::Clock& clock_;
  const base::Clock& stopwatch_;
  absl::BitGenRef random_;
  // Of the last attempt to lease; kUnknown before the first.
  absl::StatusCode connection_ = absl::StatusCode::kUnknown;
};

}  // namespace joinery::worker
