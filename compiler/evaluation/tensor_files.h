// Tensors as files beside each other: NAME.bin, the raw bytes that run_joint and the boards read, and NAME.npy.
#pragma once

#include <string>

#include "absl/status/statusor.h"
#include "compiler/ir/tensor.h"

namespace joinery::compiler {

// A tensor's name as a file name: no separators, never empty, "." or "..".
std::string FileNameFor(const std::string& tensor);

// Writes FOLDER/NAME.bin and returns its path.
absl::StatusOr<std::string> WriteBin(const std::string& folder, const std::string& tensor, const Tensor& value);

// Writes FOLDER/NAME.npy and returns its path.
absl::StatusOr<std::string> WriteNpy(const std::string& folder, const std::string& tensor, const Tensor& value);

}  // namespace joinery::compiler
