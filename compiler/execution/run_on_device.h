// Chooses the device that models run on, and what happens if it fails.
#pragma once

#include <functional>
#include <memory>
#include <optional>
#include <string>
#include <vector>

#include "absl/status/status.h"
#include "absl/strings/string_view.h"
#include "compiler/execution/device.h"
#include "gpu/driver.h"
#include "gpu/selection.h"

namespace joinery::compiler {

// Makes the device of a GPU that CUDA gives this index.
using MakeDeviceFunction = std::function<std::unique_ptr<Device>(int index, const std::string& name)>;

// What devices are chosen from.
struct DeviceSurroundings {
  gpu::Driver& driver;
  MakeDeviceFunction make_device;
  // Of CUDA_VISIBLE_DEVICES; nullopt if it is not set.
  std::optional<std::string> visible_devices = std::nullopt;
};

// A GPU, and whether a small model was seen to run on it.
struct CheckedGpu {
  gpu::Gpu gpu;
  std::unique_ptr<Device> device;
  // Why it cannot be used; OK if it can.
  absl::Status status;
};

// All GPUs that are visible, by the index that CUDA gives them, which is what `gpu.index` says. Errors: the driver's.
absl::StatusOr<std::vector<CheckedGpu>> CheckGpus(const DeviceSurroundings& surroundings);

// Calls `work` with the device chosen; null is the CPU. A GPU is tried with a small model first.
//   auto    the working GPU with the most free memory, else the CPU. If the GPU fails while `work` runs, whatever
//           `work` returned, `work` is called again with the CPU, so that what comes of it is all the CPU's. `warn` is
//           told why the GPU is not used, in a sentence; nothing where there is no driver or no GPU.
//   cpu     the CPU.
//   cuda:N  that GPU.
// Errors: those of `work`; for cuda:N why it cannot be used, with a joinery.v1.Failure.
absl::Status RunOnDevice(const gpu::DeviceChoice& choice, const DeviceSurroundings& surroundings,
                         const std::function<void(absl::string_view)>& warn,
                         const std::function<absl::Status(Device* device)>& work);

}  // namespace joinery::compiler
