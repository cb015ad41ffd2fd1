// Whether the compiler can use a GPU, as a job's compiler would.
#pragma once

#include <string>

#include "absl/status/status.h"
#include "gpu/driver.h"
#include "worker/gpu_pool.h"
#include "worker/sandbox.h"
#include "worker/work_folder.h"

namespace joinery::worker {

// Runs `joineryc devices --check cuda:0` in the sandbox with the GPU. Errors: kFailedPrecondition with what it printed.
absl::Status CheckGpu(const gpu::Gpu& gpu, const GpuPool& gpus, const std::string& compiler_path,
                      const Sandbox& sandbox, WorkFolder& work_folder);

}  // namespace joinery::worker
