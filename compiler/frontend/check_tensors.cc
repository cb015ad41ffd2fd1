#include "compiler/frontend/check_tensors.h"

#include <cstring>
#include <functional>
#include <optional>
#include <string>

#include "absl/strings/str_cat.h"
#include "base/status.h"
#include "compiler/ir/graph.h"
#include "compiler/ir/tensor_proto.h"

namespace joinery::compiler {
namespace {

// Calls `visit_` with each tensor in the model and the node whose attribute it is, null for initializers.
class TensorWalk {
 public:
  using Visit = std::function<absl::Status(const onnx::TensorProto& tensor, const onnx::NodeProto* node)>;

  explicit TensorWalk(Visit visit) : visit_(std::move(visit)) {}

  absl::Status OfModel(const onnx::ModelProto& model) const {
    RETURN_IF_ERROR(OfGraph(model.graph()));
    for (const onnx::FunctionProto& function : model.functions()) {
      for (const onnx::AttributeProto& attribute : function.attribute_proto()) {
        RETURN_IF_ERROR(OfAttribute(attribute, nullptr));
      }
      RETURN_IF_ERROR(OfNodes(function.node()));
    }
    for (const onnx::TrainingInfoProto& training : model.training_info()) {
      RETURN_IF_ERROR(OfGraph(training.initialization()));
      RETURN_IF_ERROR(OfGraph(training.algorithm()));
    }
    return absl::OkStatus();
  }

 private:
  absl::Status OfGraph(const onnx::GraphProto& graph) const {
    for (const onnx::TensorProto& tensor : graph.initializer()) RETURN_IF_ERROR(visit_(tensor, nullptr));
    for (const onnx::SparseTensorProto& sparse : graph.sparse_initializer()) RETURN_IF_ERROR(OfSparse(sparse, nullptr));
    return OfNodes(graph.node());
  }

  absl::Status OfNodes(const google::protobuf::RepeatedPtrField<onnx::NodeProto>& nodes) const {
    for (const onnx::NodeProto& node : nodes) {
      for (const onnx::AttributeProto& attribute : node.attribute()) RETURN_IF_ERROR(OfAttribute(attribute, &node));
    }
    return absl::OkStatus();
  }

  absl::Status OfAttribute(const onnx::AttributeProto& attribute, const onnx::NodeProto* node) const {
    if (attribute.has_t()) RETURN_IF_ERROR(visit_(attribute.t(), node));
    for (const onnx::TensorProto& tensor : attribute.tensors()) RETURN_IF_ERROR(visit_(tensor, node));
    if (attribute.has_sparse_tensor()) RETURN_IF_ERROR(OfSparse(attribute.sparse_tensor(), node));
    for (const onnx::SparseTensorProto& sparse : attribute.sparse_tensors()) RETURN_IF_ERROR(OfSparse(sparse, node));
    if (attribute.has_g()) RETURN_IF_ERROR(OfGraph(attribute.g()));
    for (const onnx::GraphProto& graph : attribute.graphs()) RETURN_IF_ERROR(OfGraph(graph));
    return absl::OkStatus();
  }

  absl::Status OfSparse(const onnx::SparseTensorProto& sparse, const onnx::NodeProto* node) const {
    RETURN_IF_ERROR(visit_(sparse.values(), node));
    return visit_(sparse.indices(), node);
  }

  Visit visit_;
};

std::string Call(const onnx::TensorProto& tensor, const onnx::NodeProto* node) {
  if (node == nullptr) return absl::StrCat("tensor \"", tensor.name(), "\"");
  return absl::StrCat("the tensor ", tensor.name().empty() ? "" : absl::StrCat("\"", tensor.name(), "\" "), "in node ",
                      Describe(*node));
}

// Bits of one element; 0 for strings and what is not a type.
int64_t ElementBits(int32_t element_type) {
  switch (element_type) {
    case onnx::TensorProto::INT2:
    case onnx::TensorProto::UINT2:
      return 2;
    case onnx::TensorProto::INT4:
    case onnx::TensorProto::UINT4:
    case onnx::TensorProto::FLOAT4E2M1:
      return 4;
    case onnx::TensorProto::FLOAT8E8M0:
      return 8;
    default:
      return static_cast<int64_t>(ElementSize(element_type)) * 8;
  }
}

// How many entries the typed field for `element_type` has.
int64_t TypedEntries(const onnx::TensorProto& tensor) {
  switch (tensor.data_type()) {
    case onnx::TensorProto::FLOAT:
    case onnx::TensorProto::COMPLEX64:
      return tensor.float_data_size();
    case onnx::TensorProto::DOUBLE:
    case onnx::TensorProto::COMPLEX128:
      return tensor.double_data_size();
    case onnx::TensorProto::INT64:
      return tensor.int64_data_size();
    case onnx::TensorProto::UINT32:
    case onnx::TensorProto::UINT64:
      return tensor.uint64_data_size();
    case onnx::TensorProto::STRING:
      return tensor.string_data_size();
    default:
      return tensor.int32_data_size();
  }
}

// How many entries that field must have for `elements`: types of less than a byte share one, complex numbers take two.
int64_t TypedEntriesNeeded(int32_t element_type, int64_t elements) {
  if (element_type == onnx::TensorProto::COMPLEX64 || element_type == onnx::TensorProto::COMPLEX128) {
    return 2 * elements;
  }
  const int64_t bits = ElementBits(element_type);
  return bits > 0 && bits < 8 ? (elements * bits + 7) / 8 : elements;
}

// The elements of the shape, or nothing if a dimension is negative or there are more than `most`.
std::optional<int64_t> CountElements(const onnx::TensorProto& tensor, int64_t most) {
  int64_t count = 1;
  bool is_empty = false;
  for (const int64_t dimension : tensor.dims()) {
    if (dimension < 0 || dimension > most) return std::nullopt;
    is_empty = is_empty || dimension == 0;
    if (is_empty) continue;
    if (__builtin_mul_overflow(count, dimension, &count) || count > most) return std::nullopt;
  }
  return is_empty ? 0 : count;
}

absl::Status CheckSize(const onnx::TensorProto& tensor, const onnx::NodeProto* node, const ModelLimits& limits) {
  const std::optional<int64_t> elements = CountElements(tensor, limits.max_tensor_elements);
  if (!elements.has_value()) {
    return absl::InvalidArgumentError(absl::StrCat(Call(tensor, node), " has an impossible shape, or more than the ",
                                                   limits.max_tensor_elements, " elements that are allowed"));
  }
  const int64_t bits = ElementBits(tensor.data_type());
  if (bits == 0 && tensor.data_type() != onnx::TensorProto::STRING) {
    // An empty sparse initializer leaves everything out; what else has no type is no tensor.
    if (tensor.ByteSizeLong() == 0) return absl::OkStatus();
    return absl::InvalidArgumentError(
        absl::StrCat(Call(tensor, node), " has no known element type (", ElementTypeName(tensor.data_type()), ")"));
  }
  const bool is_raw = tensor.has_raw_data();
  const int64_t have = is_raw ? static_cast<int64_t>(tensor.raw_data().size()) : TypedEntries(tensor);
  const int64_t need = is_raw ? (*elements * bits + 7) / 8 : TypedEntriesNeeded(tensor.data_type(), *elements);
  if (have == need) return absl::OkStatus();
  return absl::InvalidArgumentError(absl::StrCat(Call(tensor, node), " has ", have, is_raw ? " bytes" : " values",
                                                 " of data, its shape and type need ", need));
}

struct Oddities {
  bool has_nan = false;
  bool has_infinity = false;
};

// Looks for floats whose exponent is all ones: NaN or infinite.
template <typename Bits>
Oddities FindOddities(const char* data, size_t count, Bits exponent) {
  // Two passes, because almost always the first, which a compiler turns into vector code, finds nothing.
  Bits any = 0;
  for (size_t i = 0; i < count; ++i) {
    Bits bits;
    std::memcpy(&bits, data + i * sizeof(Bits), sizeof(Bits));
    any |= static_cast<Bits>((bits & exponent) == exponent);
  }
  Oddities found;
  if (any == 0) return found;
  const auto magnitude = static_cast<Bits>(static_cast<Bits>(~Bits{0}) >> 1);
  for (size_t i = 0; i < count; ++i) {
    Bits bits;
    std::memcpy(&bits, data + i * sizeof(Bits), sizeof(Bits));
    if ((bits & exponent) != exponent) continue;
    if ((bits & magnitude) == exponent) {
      found.has_infinity = true;
    } else {
      found.has_nan = true;
    }
  }
  return found;
}

template <typename Bits>
Oddities FindOddities(const onnx::TensorProto& tensor, Bits exponent) {
  if (tensor.has_raw_data()) {
    return FindOddities<Bits>(tensor.raw_data().data(), tensor.raw_data().size() / sizeof(Bits), exponent);
  }
  const absl::StatusOr<Tensor> values = ToTensor(tensor);
  if (!values.ok()) return {};  // Of a size that does not fit: CheckSize has said so.
  return FindOddities<Bits>(reinterpret_cast<const char*>(values->bytes.data()), values->bytes.size() / sizeof(Bits),
                            exponent);
}

Oddities FindOddities(const onnx::TensorProto& tensor) {
  switch (tensor.data_type()) {
    case onnx::TensorProto::FLOAT:
      return FindOddities<uint32_t>(tensor, 0x7f800000U);
    case onnx::TensorProto::DOUBLE:
      return FindOddities<uint64_t>(tensor, 0x7ff0000000000000U);
    case onnx::TensorProto::FLOAT16:
      return FindOddities<uint16_t>(tensor, 0x7c00U);
    case onnx::TensorProto::BFLOAT16:
      return FindOddities<uint16_t>(tensor, 0x7f80U);
    default:
      return {};
  }
}

absl::Status CheckFinite(const onnx::TensorProto& tensor, const onnx::NodeProto* node) {
  const Oddities found = FindOddities(tensor);
  if (found.has_nan) {
    return absl::InvalidArgumentError(
        absl::StrCat(Call(tensor, node), " holds NaN: the model is damaged, or its training diverged"));
  }
  const bool is_single = CountElements(tensor, 1) == 1;
  if (found.has_infinity && !is_single) {
    return absl::InvalidArgumentError(
        absl::StrCat(Call(tensor, node), " holds infinite numbers, which cannot be quantized"));
  }
  return absl::OkStatus();
}

}  // namespace

absl::Status CheckNoExternalData(const onnx::ModelProto& model) {
  return TensorWalk([](const onnx::TensorProto& tensor, const onnx::NodeProto* node) -> absl::Status {
           if (tensor.data_location() != onnx::TensorProto::EXTERNAL && tensor.external_data_size() == 0) {
             return absl::OkStatus();
           }
           return absl::InvalidArgumentError(
               absl::StrCat(Call(tensor, node),
                            " keeps its data in another file, which is never opened; store the weights inside the "
                            "model file (onnx.save_model(model, path, save_as_external_data=False))"));
         })
      .OfModel(model);
}

absl::Status CheckTensorData(const onnx::ModelProto& model, const ModelLimits& limits) {
  return TensorWalk([&](const onnx::TensorProto& tensor, const onnx::NodeProto* node) -> absl::Status {
           RETURN_IF_ERROR(CheckSize(tensor, node, limits));
           return CheckFinite(tensor, node);
         })
      .OfModel(model);
}

}  // namespace joinery::compiler
