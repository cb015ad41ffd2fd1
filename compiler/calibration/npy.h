// NumPy's .npy files, versions 1 to 3.
#pragma once

#include <string>

#include "absl/status/statusor.h"
#include "absl/strings/string_view.h"
#include "compiler/ir/tensor.h"

namespace joinery::compiler {

// Little-endian u1, i1, u2, i2, u4, i4, i8, f2, f4, f8, in C order, at most 8 dimensions, exactly as many bytes as the
// shape needs. kInvalidArgument, naming `name`, for everything else. Arrays of Python objects are read by
// ParseNumpyObject (numpy_object.h) alone.
absl::StatusOr<Tensor> ParseNpy(absl::string_view bytes, absl::string_view name);

// Version 1. `tensor` has one of the element types above. The same tensor gives the same bytes.
std::string FormatNpy(const Tensor& tensor);

}  // namespace joinery::compiler
