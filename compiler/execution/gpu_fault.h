// What ONNX Runtime and CUDA say when a GPU fails, in a sentence that a person can act on.
#pragma once

#include <optional>
#include <string>

#include "absl/status/status.h"
#include "absl/strings/string_view.h"

namespace joinery::compiler {

// What `words`, the text of an error of ONNX Runtime, means if it is the GPU's fault; nullopt if it is not. `device` is
// how messages call it. The status has a joinery.v1.Failure: OUT_OF_MEMORY (kResourceExhausted) where memory ran out,
// else GPU_UNAVAILABLE: kFailedPrecondition if a library or the driver is missing or too old, or the GPU's architecture
// is not supported; kUnavailable if the GPU stopped working.
//
// The texts are those of ONNX Runtime 1.29.0, CUDA 13 and cuDNN 9; errors of CUDA are known by their number, which is
// part of its interface. Source of the numbers: CUDA Runtime API, cudaError_t.
std::optional<absl::Status> GpuFault(absl::string_view words, const std::string& device);

}  // namespace joinery::compiler
