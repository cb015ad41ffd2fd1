// A dense tensor in memory: what goes into a model and what comes out.
#pragma once

#include <cstddef>
#include <cstdint>
#include <cstring>
#include <vector>

#include "absl/types/span.h"
#include "onnx/onnx_pb.h"

namespace joinery::compiler {

// The product of the dimensions; 1 for a scalar.
inline int64_t NumElements(const std::vector<int64_t>& shape) {
  int64_t count = 1;
  for (const int64_t dimension : shape) count *= dimension;
  return count;
}

// Elements in C order, in the machine's byte order. `bytes` holds exactly NumElements(shape) elements.
struct Tensor {
  // onnx::TensorProto::DataType; float32 unless said otherwise.
  int32_t element_type = onnx::TensorProto::FLOAT;
  std::vector<int64_t> shape;
  std::vector<std::byte> bytes;

  int64_t num_elements() const { return NumElements(shape); }

  // The elements as T, which must be the C++ type of element_type.
  template <typename T>
  absl::Span<const T> values() const {
    return {reinterpret_cast<const T*>(bytes.data()), bytes.size() / sizeof(T)};
  }
  template <typename T>
  absl::Span<T> mutable_values() {
    return {reinterpret_cast<T*>(bytes.data()), bytes.size() / sizeof(T)};
  }
};

// A tensor of T's with the given shape and values.
template <typename T>
Tensor MakeTensor(int32_t element_type, std::vector<int64_t> shape, absl::Span<const T> values) {
  Tensor tensor{element_type, std::move(shape), std::vector<std::byte>(values.size() * sizeof(T))};
  if (!values.empty()) std::memcpy(tensor.bytes.data(), values.data(), tensor.bytes.size());
  return tensor;
}

}  // namespace joinery::compiler
