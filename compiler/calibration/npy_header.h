// The header of NumPy's .npy files, versions 1 to 3, and the element types in them.
#pragma once

#include <cstdint>
#include <string>
#include <vector>

#include "absl/status/status.h"
#include "absl/status/statusor.h"
#include "absl/strings/string_view.h"

namespace joinery::compiler {

inline constexpr absl::string_view kNpyMagic("\x93NUMPY", 6);

// What the header, a Python dictionary of three fixed keys, says.
struct NpyHeader {
  std::string descr;
  bool fortran_order = false;
  // At most 8 dimensions.
  std::vector<int64_t> shape;
};

// Takes magic, version and header off the front of `bytes`. kInvalidArgument if they are not as NumPy writes them.
absl::StatusOr<NpyHeader> TakeNpyHeader(absl::string_view& bytes);

struct NpyElementType {
  // Without the byte order.
  absl::string_view name;
  // onnx::TensorProto::DataType.
  int32_t element_type;
  int64_t size;
};

// Of "<f4", "|u1"... kInvalidArgument for big-endian elements and for types that ParseNpy (npy.h) does not take.
absl::StatusOr<NpyElementType> ParseNpyElementType(absl::string_view descr);

// Without the byte order; empty if there is none.
absl::string_view NpyElementTypeName(int32_t element_type);

// kInvalidArgument unless `bytes` elements of `element_size` are exactly what `shape` needs.
absl::Status CheckNpySize(const std::vector<int64_t>& shape, int64_t element_size, size_t bytes);

// "is no proper npy file: ...".
absl::Status MalformedNpy(absl::string_view what);

}  // namespace joinery::compiler
