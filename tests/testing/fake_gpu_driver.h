// A driver that tells of the GPUs that the test says. Thread-safe.
#pragma once

#include <utility>
#include <vector>

#include "absl/synchronization/mutex.h"
#include "gpu/driver.h"

namespace joinery::testing {

class FakeGpuDriver : public gpu::Driver {
 public:
  explicit FakeGpuDriver(absl::StatusOr<std::vector<gpu::Gpu>> gpus) : gpus_(std::move(gpus)) {}

  void Be(absl::StatusOr<std::vector<gpu::Gpu>> gpus) {
    const absl::MutexLock lock(&mutex_);
    gpus_ = std::move(gpus);
  }

  absl::StatusOr<std::vector<gpu::Gpu>> List() override {
    const absl::MutexLock lock(&mutex_);
    return gpus_;
  }

 private:
  absl::Mutex mutex_;
  absl::StatusOr<std::vector<gpu::Gpu>> gpus_;
};

inline gpu::Gpu MakeGpu(int index, int64_t free_gibibytes) {
  gpu::Gpu gpu;
  gpu.index = index;
  gpu.device_number = index;
  gpu.id = index == 0 ? "GPU-aaaa" : index == 1 ? "GPU-bbbb" : "GPU-cccc";
  gpu.name = "NVIDIA A10";
  gpu.memory_bytes = int64_t{24} << 30;
  gpu.free_bytes = free_gibibytes << 30;
  gpu.architecture = "8.6";
  return gpu;
}

}  // namespace joinery::testing
