// Runs one job of kind BUILD: fetches its inputs, runs the compiler in a folder of its own, uploads what it made.
#pragma once

#include <functional>
#include <string>
#include <variant>

#include "absl/random/bit_gen_ref.h"
#include "absl/status/statusor.h"
#include "joinery/v1/blobs.grpc.pb.h"
#include "joinery/v1/jobs.pb.h"
#include "telemetry/tracer.h"
#include "worker/blob_cache.h"
#include "worker/event_queue.h"
#include "worker/gpu_pool.h"
#include "worker/job_stop.h"
#include "worker/metrics.h"
#include "worker/spawn.h"
#include "worker/work_folder.h"

namespace joinery::worker {

struct CompilerSettings {
  // Absolute path of joineryc.
  std::string path;
  ChildLimits limits;
  Sandbox sandbox = {};
  // Whether the compiler works at all. Asked after a failure that no job is to blame for.
  std::function<absl::Status()> check = [] { return absl::OkStatus(); };
  // Null: jobs have no GPU. Must outlive the jobs.
  GpuPool* gpus = nullptr;
  // "NAME=PATH" of the vendors' tools that jobs may use.
  std::vector<std::string> vendor_tools = {};
  // Whether the compiler can use a GPU. Asked after a job failed on it.
  GpuPool::Check check_gpu = [](const gpu::Gpu&) { return absl::OkStatus(); };
};

// What a job is run with. All must outlive the run.
struct BuildContext {
  v1::BlobService::StubInterface& blobs;
  const BlobCache& cache;
  WorkFolder& work_folder;
  const CompilerSettings& compiler;
  absl::BitGenRef random;
  EventQueue& events;
  const JobStop& stop;
  telemetry::Tracer& tracer;
  WorkerMetrics& metrics;
  // That the job needs free on its GPU.
  int64_t gpu_memory_bytes = 0;
};

using BuildOutcome = std::variant<v1::JobResult, v1::Failure>;

// A result's blobs are on the server when this returns. Once `context.stop` is requested it returns soon, and what it
// returns then means nothing unless it is a result. Nothing is left on disk but what the cache keeps. Blocks; while the
// server is unavailable it waits for it.
// Errors: this worker cannot run any job (no folder, no compiler, or one that does not work); it is not the job's
// fault.
absl::StatusOr<BuildOutcome> RunBuild(const v1::BuildSpec& spec, const BuildContext& context);

}  // namespace joinery::worker
