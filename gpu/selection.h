// Which of a machine's GPUs a program may use. Pure functions.
#pragma once

#include <optional>
#include <string>
#include <vector>

#include "absl/status/statusor.h"
#include "absl/strings/string_view.h"
#include "gpu/driver.h"

namespace joinery::gpu {

// Those that CUDA would see under this value of CUDA_VISIBLE_DEVICES (nullopt: not set, which is all), in its order:
// numbers of GPUs, or the beginnings of ids, separated by commas, up to the first that names none. The first is what
// "cuda:0" means then. Source: CUDA C++ Programming Guide, "CUDA Environment Variables".
std::vector<Gpu> VisibleGpus(const std::vector<Gpu>& gpus, const std::optional<std::string>& visible_devices);

// "auto", "cpu", "cuda", "cuda:2".
struct DeviceChoice {
  enum class Kind { kAuto, kCpu, kCuda };
  Kind kind = Kind::kAuto;
  // Of kCuda; among the visible ones.
  int index = 0;
};

// Errors: kInvalidArgument, naming what there is.
absl::StatusOr<DeviceChoice> ParseDevice(absl::string_view text);

// "2,3": numbers of GPUs, in order and without repetitions. nullopt for "all"; none for "none".
// Errors: kInvalidArgument.
absl::StatusOr<std::optional<std::vector<int>>> ParseGpuList(absl::string_view text);

}  // namespace joinery::gpu
