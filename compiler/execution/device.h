// Where models run: the seam between Executor and what a machine has besides its CPU.
#pragma once

#include <memory>
#include <string>

#include "absl/status/statusor.h"
#include "onnx/onnx_pb.h"

namespace joinery::compiler {

class Executor;
struct ExecutorOptions;

// Must outlive the executors that it loaded. Thread-safe.
class Device {
 public:
  virtual ~Device() = default;

  // For people: "cuda:0 (NVIDIA A10, architecture 8.6, 24.0 GiB)".
  virtual std::string name() const = 0;

  // As LoadOnnxRuntime, on this device. What it has no kernel for runs on the CPU.
  // Errors: those of LoadOnnxRuntime, and what the device does wrong, which fault() then tells, too.
  virtual absl::StatusOr<std::unique_ptr<Executor>> Load(const onnx::ModelProto& model,
                                                         const ExecutorOptions& options) = 0;

  // The first error that was the device's and not the model's, of loading or of running: whatever was computed since
  // may lack something. It has a joinery.v1.Failure (see failure.h): OUT_OF_MEMORY or GPU_UNAVAILABLE. OK while there
  // was none.
  virtual absl::Status fault() const = 0;
};

}  // namespace joinery::compiler
