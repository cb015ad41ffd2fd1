#include "compiler/target/node_facts.h"

#include <algorithm>

#include "absl/strings/str_cat.h"
#include "absl/strings/str_join.h"
#include "compiler/ir/tensor_proto.h"
#include "onnx/defs/schema.h"

namespace joinery::compiler {

namespace {

// What ONNX says in words only: one number that stands for each dimension.
std::optional<onnx::AttributeProto> DefaultInWords(absl::string_view name) {
  const bool is_one = name == "strides" || name == "dilations";
  if (!is_one && name != "pads" && name != "output_padding") return std::nullopt;
  onnx::AttributeProto value;
  value.set_type(onnx::AttributeProto::INTS);
  value.add_ints(is_one ? 1 : 0);
  return value;
}

}  // namespace

std::optional<onnx::AttributeProto> AttributeOrDefault(const Graph& graph, const onnx::NodeProto& node,
                                                       absl::string_view name) {
  if (const onnx::AttributeProto* own = FindAttribute(node, name)) return *own;
  const onnx::OpSchema* schema =
      onnx::OpSchemaRegistry::Schema(node.op_type(), static_cast<int>(OpsetVersion(graph.model())), node.domain());
  if (schema == nullptr) return std::nullopt;
  const auto found = schema->attributes().find(std::string(name));
  if (found == schema->attributes().end()) return std::nullopt;
  const onnx::AttributeProto& value = found->second.default_value;
  if (value.type() == onnx::AttributeProto::UNDEFINED) return DefaultInWords(name);
  return value;
}

bool SameValue(const onnx::AttributeProto& left, const onnx::AttributeProto& right) {
  return left.type() == right.type() && left.f() == right.f() && left.i() == right.i() && left.s() == right.s() &&
         std::equal(left.ints().begin(), left.ints().end(), right.ints().begin(), right.ints().end()) &&
         std::equal(left.floats().begin(), left.floats().end(), right.floats().begin(), right.floats().end()) &&
         std::equal(left.strings().begin(), left.strings().end(), right.strings().begin(), right.strings().end());
}

std::string FormatValue(const onnx::AttributeProto& attribute) {
  switch (attribute.type()) {
    case onnx::AttributeProto::INT:
      return absl::StrCat(attribute.i());
    case onnx::AttributeProto::FLOAT:
      return absl::StrCat(attribute.f());
    case onnx::AttributeProto::STRING:
      return attribute.s();
    case onnx::AttributeProto::INTS:
      return absl::StrCat("[", absl::StrJoin(attribute.ints(), ", "), "]");
    case onnx::AttributeProto::FLOATS:
      return absl::StrCat("[", absl::StrJoin(attribute.floats(), ", "), "]");
    case onnx::AttributeProto::STRINGS:
      return absl::StrCat("[", absl::StrJoin(attribute.strings(), ", "), "]");
    default:
      return "set";
  }
}

bool Pads(const onnx::NodeProto& node) {
  const std::string auto_pad = StringAttribute(node, "auto_pad", "NOTSET");
  if (auto_pad == "SAME_UPPER" || auto_pad == "SAME_LOWER") return true;
  const std::vector<int64_t> pads = IntsAttribute(node, "pads");
  return std::any_of(pads.begin(), pads.end(), [](int64_t pad) { return pad != 0; });
}

int64_t Groups(const onnx::NodeProto& node) { return IntAttribute(node, "group", 1); }

const onnx::TensorProto* ConstantInput(Graph& graph, const onnx::NodeProto& node, int index) {
  const std::string name = TensorAt(node, index, /*of_output=*/false);
  if (name.empty()) return nullptr;
  if (const onnx::TensorProto* initializer = graph.Initializer(name)) return initializer;
  const onnx::NodeProto* producer = graph.Producer(name);
  if (producer == nullptr || producer->op_type() != "Constant") return nullptr;
  const onnx::AttributeProto* value = FindAttribute(*producer, "value");
  return value == nullptr ? nullptr : &value->t();
}

std::optional<std::vector<double>> SmallConstant(const onnx::TensorProto& proto, int64_t most) {
  int64_t elements = 1;
  for (const int64_t dimension : proto.dims()) {
    if (dimension < 0 || dimension > most) return std::nullopt;
    elements *= std::max<int64_t>(dimension, 1);
    if (elements > most) return std::nullopt;
  }
  if (const absl::StatusOr<std::vector<int64_t>> ints = IntValues(proto); ints.ok()) {
    return std::vector<double>(ints->begin(), ints->end());
  }
  const absl::StatusOr<std::vector<float>> floats = FloatValues(proto);
  if (!floats.ok()) return std::nullopt;
  return std::vector<double>(floats->begin(), floats->end());
}

std::string TensorAt(const onnx::NodeProto& node, int index, bool of_output) {
  const auto& names = of_output ? node.output() : node.input();
  return index < names.size() ? names.Get(index) : std::string();
}

std::string FormatShape(const std::vector<int64_t>& shape) {
  return shape.empty() ? "a scalar" : absl::StrJoin(shape, "x");
}

}  // namespace joinery::compiler
