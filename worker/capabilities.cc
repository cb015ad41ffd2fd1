#include "worker/capabilities.h"

#include <unistd.h>

#include <algorithm>
#include <thread>

namespace joinery::worker {
namespace {

int64_t MachineMemory() {
  const int64_t pages = sysconf(_SC_PHYS_PAGES);
  const int64_t page_bytes = sysconf(_SC_PAGESIZE);
  return pages > 0 && page_bytes > 0 ? pages * page_bytes : 0;
}

}  // namespace

v1::Capabilities DetectCapabilities(int64_t memory_limit_bytes, const std::vector<std::string>& labels) {
  v1::Capabilities capabilities;
  capabilities.set_cpus(static_cast<int32_t>(std::thread::hardware_concurrency()));
  const int64_t memory = MachineMemory();
  capabilities.set_memory_bytes(memory_limit_bytes > 0 ? std::min(memory, memory_limit_bytes) : memory);
  for (const std::string& label : labels) capabilities.add_labels(label);
  return capabilities;
}

}  // namespace joinery::worker
