#include "gpu/driver.h"

#include "absl/strings/str_format.h"

namespace joinery::gpu {

std::string Describe(const Gpu& gpu) {
  return absl::StrFormat("cuda:%d (%s, architecture %s, %.1f GiB)", gpu.index, gpu.name,
                         gpu.architecture.empty() ? "unknown" : gpu.architecture,
                         static_cast<double>(gpu.memory_bytes) / (1 << 30));
}

}  // namespace joinery::gpu
