#include "worker/capabilities.h"

#include <unistd.h>

#include <algorithm>
#include <filesystem>
#include <system_error>
#include <thread>

#include "absl/strings/ascii.h"
#include "absl/strings/strip.h"

namespace joinery::worker {
namespace {

int64_t MachineMemory() {
  const int64_t pages = sysconf(_SC_PHYS_PAGES);
  const int64_t page_bytes = sysconf(_SC_PAGESIZE);
  return pages > 0 && page_bytes > 0 ? pages * page_bytes : 0;
}

// The driver makes /dev/nvidia0, /dev/nvidia1, ... and, beside them, names that go on with letters.
bool IsGpu(const std::filesystem::path& device) {
  const std::string name = device.filename().string();
  absl::string_view number = name;
  if (!absl::ConsumePrefix(&number, "nvidia") || number.empty()) return false;
  return std::all_of(number.begin(), number.end(), [](char c) { return absl::ascii_isdigit(c); });
}

int CountGpus() {
  std::error_code error;
  int gpus = 0;
  for (std::filesystem::directory_iterator device("/dev", error), end; !error && device != end;
       device.increment(error)) {
    if (IsGpu(device->path())) ++gpus;
  }
  return gpus;
}

}  // namespace

v1::Capabilities DetectCapabilities(int64_t memory_limit_bytes, const std::vector<std::string>& labels) {
  v1::Capabilities capabilities;
  capabilities.set_cpus(static_cast<int32_t>(std::thread::hardware_concurrency()));
  const int64_t memory = MachineMemory();
  capabilities.set_memory_bytes(memory_limit_bytes > 0 ? std::min(memory, memory_limit_bytes) : memory);
  capabilities.set_gpus(CountGpus());
  for (const std::string& label : labels) capabilities.add_labels(label);
  return capabilities;
}

}  // namespace joinery::worker
