// Which GPUs this machine has, as their driver tells it.
#pragma once

#include <cstdint>
#include <string>
#include <vector>

#include "absl/status/statusor.h"

namespace joinery::gpu {

struct Gpu {
  // In the order of their PCI addresses, from 0, as nvidia-smi counts; also CUDA if CUDA_DEVICE_ORDER is PCI_BUS_ID.
  int index = 0;
  // N of /dev/nvidiaN.
  int device_number = 0;
  // "GPU-6fd2...": the same whatever else is in the machine. CUDA_VISIBLE_DEVICES takes it.
  std::string id = {};
  // "NVIDIA A10"
  std::string name = {};
  int64_t memory_bytes = 0;
  // At the moment, of all programs.
  int64_t free_bytes = 0;
  // The compute capability: "8.6". Empty if the driver does not tell.
  std::string architecture = {};
  // Why it cannot be used, in the driver's words: it fell off the bus, say. Empty if it can.
  std::string problem = {};
};

// "cuda:0 (NVIDIA A10, architecture 8.6, 24.0 GiB)".
std::string Describe(const Gpu& gpu);

// The driver of this machine's GPUs. Thread-safe.
class Driver {
 public:
  virtual ~Driver() = default;

  // By index. What it tells is of this moment: memory is taken, and GPUs fail.
  // Errors: kNotFound there is no driver · kUnavailable it does not work, with its words.
  virtual absl::StatusOr<std::vector<Gpu>> List() = 0;
};

}  // namespace joinery::gpu
