#include "compiler/frontend/edit_model.h"

#include <algorithm>
#include <cmath>
#include <cstdint>
#include <limits>
#include <nlohmann/json.hpp>
#include <string>

#include "absl/strings/str_cat.h"
#include "base/status.h"
#include "compiler/ir/tensor.h"
#include "compiler/ir/tensor_proto.h"

namespace joinery::compiler {
namespace {

using ::nlohmann::json;
using ::onnx::AttributeProto;
using ::onnx::TensorProto;

absl::Status Invalid(absl::string_view what, const std::string& name, absl::string_view message) {
  return absl::InvalidArgumentError(absl::StrCat(what, " \"", name, "\": ", message));
}

TensorProto* FindConstant(onnx::GraphProto& graph, const std::string& name) {
  for (TensorProto& tensor : *graph.mutable_initializer()) {
    if (tensor.name() == name) return &tensor;
  }
  for (onnx::NodeProto& node : *graph.mutable_node()) {
    if (node.op_type() != "Constant" || node.output_size() != 1 || node.output(0) != name) continue;
    for (AttributeProto& attribute : *node.mutable_attribute()) {
      if (attribute.name() == "value" && attribute.has_t()) return attribute.mutable_t();
    }
  }
  return nullptr;
}

template <typename T>
bool Fill(const google::protobuf::RepeatedField<double>& from, Tensor& to) {
  const absl::Span<T> values = to.mutable_values<T>();
  for (size_t i = 0; i < values.size(); ++i) {
    const double value = from.Get(static_cast<int>(i));
    if (std::numeric_limits<T>::is_integer) {
      const bool fits = value == std::floor(value) && value >= static_cast<double>(std::numeric_limits<T>::lowest()) &&
                        value <= static_cast<double>(std::numeric_limits<T>::max()) && std::abs(value) <= 0x1p53;
      if (!fits) return false;
    } else if (!(std::abs(value) <= static_cast<double>(std::numeric_limits<T>::max()))) {
      return false;
    }
    values[i] = static_cast<T>(value);
  }
  return true;
}

bool FillAny(const google::protobuf::RepeatedField<double>& from, Tensor& to) {
  switch (to.element_type) {
    case TensorProto::FLOAT:
      return Fill<float>(from, to);
    case TensorProto::DOUBLE:
      return Fill<double>(from, to);
    case TensorProto::INT64:
      return Fill<int64_t>(from, to);
    case TensorProto::INT32:
      return Fill<int32_t>(from, to);
    case TensorProto::UINT8:
      return Fill<uint8_t>(from, to);
    case TensorProto::INT8:
      return Fill<int8_t>(from, to);
    default:
      return false;
  }
}

absl::Status EditConstant(const v1::ModelEdits::Constant& edit, onnx::GraphProto& graph) {
  constexpr absl::string_view kWhat = "constant";
  TensorProto* proto = FindConstant(graph, edit.name());
  if (proto == nullptr) return Invalid(kWhat, edit.name(), "the model has none of that name");
  ASSIGN_OR_RETURN(Tensor tensor, ToTensor(*proto));
  if (tensor.num_elements() != edit.values_size()) {
    return Invalid(kWhat, edit.name(),
                   absl::StrCat("has ", tensor.num_elements(), " values, and ", edit.values_size(), " are given"));
  }
  if (!FillAny(edit.values(), tensor)) {
    return Invalid(
        kWhat, edit.name(),
        absl::StrCat("is ", ElementTypeName(tensor.element_type), ", which cannot hold the values that are given"));
  }
  *proto = ToProto(tensor, proto->name());
  return absl::OkStatus();
}

AttributeProto::AttributeType TypeOf(const json& value) {
  const json& first = value.is_array() && !value.empty() ? value[0] : value;
  if (first.is_number_integer() || first.is_boolean()) {
    return value.is_array() ? AttributeProto::INTS : AttributeProto::INT;
  }
  if (first.is_number()) return value.is_array() ? AttributeProto::FLOATS : AttributeProto::FLOAT;
  return value.is_array() ? AttributeProto::STRINGS : AttributeProto::STRING;
}

int64_t ToInt(const json& value) { return value.is_boolean() ? (value.get<bool>() ? 1 : 0) : value.get<int64_t>(); }

bool AllAre(const json& list, bool (*is_kind)(const json&)) {
  return list.is_array() && std::all_of(list.begin(), list.end(), is_kind);
}

bool IsInt(const json& value) { return value.is_number_integer() || value.is_boolean(); }
bool IsNumber(const json& value) { return value.is_number(); }
bool IsString(const json& value) { return value.is_string(); }

// False if `value` is none of `type`.
bool Set(AttributeProto::AttributeType type, const json& value, AttributeProto& attribute) {
  const std::string name = attribute.name();
  attribute.Clear();
  attribute.set_name(name);
  attribute.set_type(type);
  switch (type) {
    case AttributeProto::INT:
      if (!IsInt(value)) return false;
      attribute.set_i(ToInt(value));
      return true;
    case AttributeProto::FLOAT:
      if (!IsNumber(value)) return false;
      attribute.set_f(value.get<float>());
      return true;
    case AttributeProto::STRING:
      if (!IsString(value)) return false;
      attribute.set_s(value.get<std::string>());
      return true;
    case AttributeProto::INTS:
      if (!AllAre(value, IsInt)) return false;
      for (const json& item : value) attribute.add_ints(ToInt(item));
      return true;
    case AttributeProto::FLOATS:
      if (!AllAre(value, IsNumber)) return false;
      for (const json& item : value) attribute.add_floats(item.get<float>());
      return true;
    case AttributeProto::STRINGS:
      if (!AllAre(value, IsString)) return false;
      for (const json& item : value) attribute.add_strings(item.get<std::string>());
      return true;
    default:
      return false;
  }
}

AttributeProto* FindOrAdd(onnx::NodeProto& node, const std::string& name, bool& is_new) {
  for (AttributeProto& attribute : *node.mutable_attribute()) {
    if (attribute.name() == name) return &attribute;
  }
  is_new = true;
  AttributeProto* added = node.add_attribute();
  added->set_name(name);
  return added;
}

absl::Status EditAttribute(const v1::ModelEdits::Attribute& edit, onnx::GraphProto& graph) {
  for (onnx::NodeProto& node : *graph.mutable_node()) {
    if (node.name() != edit.node()) continue;
    json value = json::parse(edit.value(), /*cb=*/nullptr, /*allow_exceptions=*/false);
    if (value.is_discarded() || value.is_null() || value.is_object()) value = edit.value();
    bool is_new = false;
    AttributeProto* attribute = FindOrAdd(node, edit.name(), is_new);
    const AttributeProto::AttributeType type = is_new ? TypeOf(value) : attribute->type();
    if (type == AttributeProto::STRING && !value.is_string()) value = edit.value();
    if (Set(type, value, *attribute)) return absl::OkStatus();
    return Invalid("node", edit.node(),
                   absl::StrCat("its attribute ", edit.name(), " is of type ", AttributeProto::AttributeType_Name(type),
                                ", and ", edit.value(), " is not"));
  }
  return Invalid("node", edit.node(), "the model has none of that name");
}

}  // namespace

absl::Status EditModel(const v1::ModelEdits& edits, onnx::ModelProto& model) {
  for (const v1::ModelEdits::Constant& constant : edits.constants()) {
    RETURN_IF_ERROR(EditConstant(constant, *model.mutable_graph()));
  }
  for (const v1::ModelEdits::Attribute& attribute : edits.attributes()) {
    RETURN_IF_ERROR(EditAttribute(attribute, *model.mutable_graph()));
  }
  return absl::OkStatus();
}

}  // namespace joinery::compiler
