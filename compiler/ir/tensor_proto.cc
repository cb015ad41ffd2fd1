#include "compiler/ir/tensor_proto.h"

#include <bit>
#include <cstring>
#include <limits>
#include <utility>

#include "absl/status/status.h"
#include "absl/strings/ascii.h"
#include "absl/strings/str_cat.h"
#include "base/status.h"

namespace joinery::compiler {
namespace {

static_assert(std::endian::native == std::endian::little, "ONNX's raw data is little-endian");

// Copies a typed field of TensorProto, each of whose elements is narrowed to `Stored`.
template <typename Stored, typename Field>
void CopyField(const Field& field, std::vector<std::byte>* bytes) {
  bytes->resize(static_cast<size_t>(field.size()) * sizeof(Stored));
  Stored* out = reinterpret_cast<Stored*>(bytes->data());
  for (const auto& value : field) *out++ = static_cast<Stored>(value);
}

void CopyTypedFields(const onnx::TensorProto& proto, std::vector<std::byte>* bytes) {
  switch (proto.data_type()) {
    case onnx::TensorProto::FLOAT:
    case onnx::TensorProto::COMPLEX64:
      return CopyField<float>(proto.float_data(), bytes);
    case onnx::TensorProto::DOUBLE:
    case onnx::TensorProto::COMPLEX128:
      return CopyField<double>(proto.double_data(), bytes);
    case onnx::TensorProto::INT64:
      return CopyField<int64_t>(proto.int64_data(), bytes);
    case onnx::TensorProto::UINT64:
      return CopyField<uint64_t>(proto.uint64_data(), bytes);
    case onnx::TensorProto::UINT32:
      return CopyField<uint32_t>(proto.uint64_data(), bytes);
    case onnx::TensorProto::INT32:
      return CopyField<int32_t>(proto.int32_data(), bytes);
    default:
      // All narrower types share int32_data, the 16-bit floats as their bits.
      if (ElementSize(proto.data_type()) == 2) return CopyField<uint16_t>(proto.int32_data(), bytes);
      return CopyField<uint8_t>(proto.int32_data(), bytes);
  }
}

}  // namespace

size_t ElementSize(int32_t element_type) {
  switch (element_type) {
    case onnx::TensorProto::BOOL:
    case onnx::TensorProto::INT8:
    case onnx::TensorProto::UINT8:
    case onnx::TensorProto::FLOAT8E4M3FN:
    case onnx::TensorProto::FLOAT8E4M3FNUZ:
    case onnx::TensorProto::FLOAT8E5M2:
    case onnx::TensorProto::FLOAT8E5M2FNUZ:
      return 1;
    case onnx::TensorProto::INT16:
    case onnx::TensorProto::UINT16:
    case onnx::TensorProto::FLOAT16:
    case onnx::TensorProto::BFLOAT16:
      return 2;
    case onnx::TensorProto::FLOAT:
    case onnx::TensorProto::INT32:
    case onnx::TensorProto::UINT32:
      return 4;
    case onnx::TensorProto::DOUBLE:
    case onnx::TensorProto::INT64:
    case onnx::TensorProto::UINT64:
    case onnx::TensorProto::COMPLEX64:
      return 8;
    case onnx::TensorProto::COMPLEX128:
      return 16;
    default:
      return 0;
  }
}

std::string ElementTypeName(int32_t element_type) {
  if (!onnx::TensorProto::DataType_IsValid(element_type)) return absl::StrCat("type ", element_type);
  return absl::AsciiStrToLower(
      onnx::TensorProto::DataType_Name(static_cast<onnx::TensorProto::DataType>(element_type)));
}

absl::StatusOr<Tensor> ToTensor(const onnx::TensorProto& proto) {
  if (proto.data_location() == onnx::TensorProto::EXTERNAL || proto.external_data_size() > 0) {
    return absl::UnimplementedError(absl::StrCat("tensor \"", proto.name(), "\" keeps its data outside of the model"));
  }
  const size_t element_size = ElementSize(proto.data_type());
  if (element_size == 0) {
    return absl::UnimplementedError(absl::StrCat("tensor \"", proto.name(), "\" is of ",
                                                 ElementTypeName(proto.data_type()), ", which is not read"));
  }
  Tensor tensor;
  tensor.element_type = proto.data_type();
  uint64_t size = element_size;
  for (const int64_t dimension : proto.dims()) {
    if (dimension < 0 || __builtin_mul_overflow(size, static_cast<uint64_t>(dimension), &size)) {
      return absl::InvalidArgumentError(absl::StrCat("tensor \"", proto.name(), "\" has an impossible shape"));
    }
    tensor.shape.push_back(dimension);
  }
  if (proto.has_raw_data()) {
    tensor.bytes.resize(proto.raw_data().size());
    if (!tensor.bytes.empty()) std::memcpy(tensor.bytes.data(), proto.raw_data().data(), tensor.bytes.size());
  } else {
    CopyTypedFields(proto, &tensor.bytes);
  }
  if (tensor.bytes.size() != size) {
    return absl::InvalidArgumentError(absl::StrCat("tensor \"", proto.name(), "\" has ", tensor.bytes.size(),
                                                   " bytes of data, its shape and type need ", size));
  }
  return tensor;
}

onnx::TensorProto ToProto(const Tensor& tensor, const std::string& name) {
  onnx::TensorProto proto;
  proto.set_name(name);
  proto.set_data_type(tensor.element_type);
  for (const int64_t dimension : tensor.shape) proto.add_dims(dimension);
  proto.set_raw_data(tensor.bytes.data(), tensor.bytes.size());
  return proto;
}

onnx::TensorProto FloatProto(const std::string& name, std::vector<int64_t> shape, absl::Span<const float> values) {
  return ToProto(MakeTensor<float>(onnx::TensorProto::FLOAT, std::move(shape), values), name);
}

onnx::TensorProto Int64Proto(const std::string& name, std::vector<int64_t> shape, absl::Span<const int64_t> values) {
  return ToProto(MakeTensor<int64_t>(onnx::TensorProto::INT64, std::move(shape), values), name);
}

absl::StatusOr<std::vector<float>> FloatValues(const onnx::TensorProto& proto) {
  ASSIGN_OR_RETURN(const Tensor tensor, ToTensor(proto));
  if (tensor.element_type != onnx::TensorProto::FLOAT) {
    return absl::InvalidArgumentError(
        absl::StrCat("tensor \"", proto.name(), "\" is ", ElementTypeName(tensor.element_type), ", not float"));
  }
  const absl::Span<const float> values = tensor.values<float>();
  return std::vector<float>(values.begin(), values.end());
}

absl::StatusOr<std::vector<int64_t>> IntValues(const onnx::TensorProto& proto) {
  ASSIGN_OR_RETURN(const Tensor tensor, ToTensor(proto));
  if (tensor.element_type == onnx::TensorProto::INT64) {
    const absl::Span<const int64_t> values = tensor.values<int64_t>();
    return std::vector<int64_t>(values.begin(), values.end());
  }
  if (tensor.element_type == onnx::TensorProto::INT32) {
    const absl::Span<const int32_t> values = tensor.values<int32_t>();
    return std::vector<int64_t>(values.begin(), values.end());
  }
  return absl::InvalidArgumentError(
      absl::StrCat("tensor \"", proto.name(), "\" is ", ElementTypeName(tensor.element_type), ", not integer"));
}

}  // namespace joinery::compiler
