// Between ONNX's TensorProto and Tensor.
#pragma once

#include <string>
#include <vector>

#include "absl/status/statusor.h"
#include "absl/types/span.h"
#include "compiler/ir/tensor.h"
#include "onnx/onnx_pb.h"

namespace joinery::compiler {

// The size in bytes of one element of the onnx::TensorProto::DataType; 0 for strings, types of less than a byte, and
// what is not a type.
size_t ElementSize(int32_t element_type);

// ONNX's name of the type: "float", "uint8"; "type 99" for what is not one.
std::string ElementTypeName(int32_t element_type);

// Errors: kInvalidArgument if the tensor's data does not have the size its shape and type ask for; kUnimplemented for
// strings, types of less than a byte, and data outside of the model.
absl::StatusOr<Tensor> ToTensor(const onnx::TensorProto& proto);

// The elements are stored as raw data.
onnx::TensorProto ToProto(const Tensor& tensor, const std::string& name);

onnx::TensorProto FloatProto(const std::string& name, std::vector<int64_t> shape, absl::Span<const float> values);
onnx::TensorProto Int64Proto(const std::string& name, std::vector<int64_t> shape, absl::Span<const int64_t> values);

// The values of a constant as floats. Errors: as ToTensor; kInvalidArgument if it is not float32.
absl::StatusOr<std::vector<float>> FloatValues(const onnx::TensorProto& proto);
// The values of a constant as 64-bit integers, of int32 or int64.
absl::StatusOr<std::vector<int64_t>> IntValues(const onnx::TensorProto& proto);

}  // namespace joinery::compiler
