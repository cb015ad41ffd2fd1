#include "gpu/nvidia_driver.h"

#include <dlfcn.h>

#include <array>
#include <memory>
#include <optional>

#include "absl/strings/str_cat.h"
#include "base/status.h"

namespace joinery::gpu {
namespace {

// NVML's own names for its types, which its header has and we have not.
using Result = int;
using Device = void*;
struct Memory {
  unsigned long long total;
  unsigned long long free;
  unsigned long long used;
};
constexpr Result kSuccess = 0;
constexpr unsigned int kTextBytes = 96;

struct CloseLibrary {
  void operator()(void* library) const { dlclose(library); }
};
using Library = std::unique_ptr<void, CloseLibrary>;

// What is used of the library.
class Nvml {
 public:
  static absl::StatusOr<Nvml> Load(const std::string& name) {
    Nvml nvml;
    nvml.library_.reset(dlopen(name.c_str(), RTLD_NOW | RTLD_LOCAL));
    if (nvml.library_ == nullptr) {
      return absl::NotFoundError(
          absl::StrCat("no Nvidia driver is installed (", dlerror(), "): install it, or run on the CPU"));
    }
    const bool complete =
        nvml.Find("nvmlInit_v2", nvml.init) && nvml.Find("nvmlShutdown", nvml.shutdown) &&
        nvml.Find("nvmlErrorString", nvml.error_string) && nvml.Find("nvmlDeviceGetCount_v2", nvml.get_count) &&
        nvml.Find("nvmlDeviceGetHandleByIndex_v2", nvml.get_handle) && nvml.Find("nvmlDeviceGetName", nvml.get_name) &&
        nvml.Find("nvmlDeviceGetUUID", nvml.get_uuid) && nvml.Find("nvmlDeviceGetMinorNumber", nvml.get_minor) &&
        nvml.Find("nvmlDeviceGetMemoryInfo", nvml.get_memory) &&
        nvml.Find("nvmlDeviceGetCudaComputeCapability", nvml.get_capability);
    if (!complete) {
      return absl::UnavailableError(absl::StrCat("the Nvidia driver is too old (", dlerror(), "): update it"));
    }
    return nvml;
  }

  std::string Words(Result result) const { return error_string(result); }

  Result (*init)() = nullptr;
  Result (*shutdown)() = nullptr;
  const char* (*error_string)(Result) = nullptr;
  Result (*get_count)(unsigned int*) = nullptr;
  Result (*get_handle)(unsigned int, Device*) = nullptr;
  Result (*get_name)(Device, char*, unsigned int) = nullptr;
  Result (*get_uuid)(Device, char*, unsigned int) = nullptr;
  Result (*get_minor)(Device, unsigned int*) = nullptr;
  Result (*get_memory)(Device, Memory*) = nullptr;
  Result (*get_capability)(Device, int*, int*) = nullptr;

 private:
  template <typename Function>
  bool Find(const char* name, Function& function) {
    function = reinterpret_cast<Function>(dlsym(library_.get(), name));
    return function != nullptr;
  }

  Library library_;
};

Gpu DescribeDevice(const Nvml& nvml, unsigned int index) {
  Gpu gpu;
  gpu.index = static_cast<int>(index);
  gpu.device_number = gpu.index;
  const auto works = [&](Result result) {
    if (result != kSuccess && gpu.problem.empty()) gpu.problem = nvml.Words(result);
    return result == kSuccess;
  };
  Device device = nullptr;
  if (!works(nvml.get_handle(index, &device))) return gpu;
  std::array<char, kTextBytes> text{};
  if (works(nvml.get_name(device, text.data(), kTextBytes))) gpu.name = text.data();
  if (works(nvml.get_uuid(device, text.data(), kTextBytes))) gpu.id = text.data();
  unsigned int minor = 0;
  if (nvml.get_minor(device, &minor) == kSuccess) gpu.device_number = static_cast<int>(minor);
  Memory memory{};
  if (works(nvml.get_memory(device, &memory))) {
    gpu.memory_bytes = static_cast<int64_t>(memory.total);
    gpu.free_bytes = static_cast<int64_t>(memory.free);
  }
  int major = 0;
  int minor_capability = 0;
  if (nvml.get_capability(device, &major, &minor_capability) == kSuccess) {
    gpu.architecture = absl::StrCat(major, ".", minor_capability);
  }
  return gpu;
}

}  // namespace

absl::StatusOr<std::vector<Gpu>> NvidiaDriver::List() {
  ASSIGN_OR_RETURN(const Nvml nvml, Nvml::Load(library_));
  if (const Result result = nvml.init(); result != kSuccess) {
    return absl::UnavailableError(absl::StrCat("the Nvidia driver does not work: ", nvml.Words(result)));
  }
  unsigned int count = 0;
  const Result result = nvml.get_count(&count);
  std::vector<Gpu> gpus;
  for (unsigned int index = 0; result == kSuccess && index < count; ++index) {
    gpus.push_back(DescribeDevice(nvml, index));
  }
  const std::string words = result == kSuccess ? "" : nvml.Words(result);
  nvml.shutdown();
  if (result != kSuccess) return absl::UnavailableError(absl::StrCat("the Nvidia driver does not work: ", words));
  return gpus;
}

}  // namespace joinery::gpu
