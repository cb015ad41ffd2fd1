// Nvidia's driver through its management library (NVML), which is loaded when it is first asked for and not linked: the
// same program runs where there is none. Source of names and types: NVML API Reference Guide, docs.nvidia.com/deploy.
#pragma once

#include <memory>
#include <string>
#include <vector>

#include "gpu/driver.h"

namespace joinery::gpu {

inline constexpr char kNvidiaLibrary[] = "libnvidia-ml.so.1";

class NvidiaDriver : public Driver {
 public:
  // `library`: a name that the loader finds, or a path.
  explicit NvidiaDriver(std::string library = kNvidiaLibrary) : library_(std::move(library)) {}

  // Loads and unloads the library each time, so that a driver that comes, goes or is replaced is no problem.
  absl::StatusOr<std::vector<Gpu>> List() override;

 private:
  const std::string library_;
};

}  // namespace joinery::gpu
