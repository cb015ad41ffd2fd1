// Stands in for libnvidia-ml.so.1: two GPUs. What STAND_IN_NVML says goes wrong: "init", the driver does not work;
// "lost", the second GPU fell off the bus.
#include <array>
#include <cstdlib>
#include <cstring>

namespace {

constexpr int kGpuIsLost = 15;
constexpr int kVersionMismatch = 18;

struct Memory {
  unsigned long long total;
  unsigned long long free;
  unsigned long long used;
};

bool Is(const char* fault) {
  const char* value = std::getenv("STAND_IN_NVML");
  return value != nullptr && std::strcmp(value, fault) == 0;
}

std::array<int, 2> numbers = {0, 1};

int NumberOf(void* device) { return *static_cast<int*>(device); }

int Copy(const char* text, char* target, unsigned int length) {
  std::strncpy(target, text, length);
  return 0;
}

}  // namespace

extern "C" {

int nvmlInit_v2() { return Is("init") ? kVersionMismatch : 0; }
int nvmlShutdown() { return 0; }
const char* nvmlErrorString(int result) {
  return result == kGpuIsLost ? "GPU is lost" : "Driver/library version mismatch";
}
int nvmlDeviceGetCount_v2(unsigned int* count) {
  *count = 2;
  return 0;
}
int nvmlDeviceGetHandleByIndex_v2(unsigned int index, void** device) {
  if (index == 1 && Is("lost")) return kGpuIsLost;
  *device = &numbers.at(index);
  return 0;
}
int nvmlDeviceGetName(void* device, char* name, unsigned int length) {
  return Copy(NumberOf(device) == 0 ? "NVIDIA A10" : "Tesla K80", name, length);
}
int nvmlDeviceGetUUID(void* device, char* id, unsigned int length) {
  return Copy(NumberOf(device) == 0 ? "GPU-aaaa" : "GPU-bbbb", id, length);
}
int nvmlDeviceGetMinorNumber(void* device, unsigned int* minor) {
  *minor = NumberOf(device) == 0 ? 1 : 0;
  return 0;
}
int nvmlDeviceGetMemoryInfo(void* /*device*/, Memory* memory) {
  *memory = {.total = 24ULL << 30, .free = 20ULL << 30, .used = 4ULL << 30};
  return 0;
}
int nvmlDeviceGetCudaComputeCapability(void* device, int* major, int* minor) {
  *major = NumberOf(device) == 0 ? 8 : 3;
  *minor = NumberOf(device) == 0 ? 6 : 7;
  return 0;
}
}
