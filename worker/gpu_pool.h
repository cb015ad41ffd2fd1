// The GPUs that this worker's jobs may have, and who has one.
#pragma once

#include <functional>
#include <optional>
#include <set>
#include <string>
#include <vector>

#include "absl/status/status.h"
#include "base/file.h"
#include "gpu/driver.h"
#include "joinery/v1/jobs.pb.h"
#include "worker/spawn.h"

namespace joinery::worker {

// A GPU that a job has until this object ends.
struct GpuLease {
  gpu::Gpu gpu;
  // Holds the lock; not valid if the GPU is shared with a job that has it.
  base::UniqueFd lock;
};

struct GpuPoolOptions {
  // By index; nullopt: all.
  std::optional<std::vector<int>> indices = std::nullopt;
  // In which a lock for each GPU lies (flock, which the kernel drops when a process ends): a job has its GPU for itself
  // among all workers that have the same folder. It must exist.
  std::string lock_folder;
  // Where ONNX Runtime's GPU build, CUDA and cuDNN are, if the loader does not find them by itself.
  std::vector<std::string> libraries = {};
  // Where the driver's device files are.
  std::string device_folder = "/dev";
};

// Not thread-safe.
class GpuPool {
 public:
  // Whether the compiler can use the GPU.
  using Check = std::function<absl::Status(const gpu::Gpu& gpu)>;

  // `driver` must outlive the pool.
  GpuPool(gpu::Driver& driver, GpuPoolOptions options) : driver_(driver), options_(std::move(options)) {}

  // Checks all GPUs that the options allow, and gives jobs those only that pass from then on. Returns a line for each,
  // for people; also one if the driver does not work, none if there is no driver.
  std::vector<std::string> Prove(const Check& check);

  // Checks one of them again, after a job failed on it.
  absl::Status ProveAgain(const gpu::Gpu& gpu, const Check& check);

  // Writes the GPUs that a job could have at this moment into `capabilities`.
  void Describe(v1::Capabilities& capabilities);

  // The GPU with the most free memory of those that nobody has. If all are taken and `memory_bytes` is more than 0, one
  // that is taken but has that much memory free. nullopt if there is none with so much.
  std::optional<GpuLease> Take(int64_t memory_bytes);

  // Lets a child use the GPU, as "cuda:0", and no other.
  void Give(const gpu::Gpu& gpu, ChildCommand& command) const;

 private:
  // Those that work, with what the driver tells of them now.
  std::vector<gpu::Gpu> List() const;
  // Not valid if somebody has it.
  base::UniqueFd TryLock(const gpu::Gpu& gpu) const;

  gpu::Driver& driver_;
  const GpuPoolOptions options_;
  // Ids of those that passed.
  std::set<std::string> proven_;
};

}  // namespace joinery::worker
