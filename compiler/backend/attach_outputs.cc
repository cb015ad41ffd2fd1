#include "compiler/backend/attach_outputs.h"

#include <algorithm>
#include <cmath>
#include <cstdint>
#include <optional>
#include <string>

#include "absl/strings/str_cat.h"
#include "absl/strings/str_join.h"
#include "base/status.h"
#include "compiler/backend/node_chain.h"
#include "compiler/configuration/enum_names.h"
#include "compiler/configuration/preprocessing_steps.h"
#include "compiler/frontend/quantization_form.h"
#include "compiler/ir/tensor_proto.h"

namespace joinery::compiler {
namespace {

const v1::OutputConfiguration* ConfigurationOf(const v1::BuildConfiguration& configuration, const std::string& name) {
  const v1::OutputConfiguration* for_all = nullptr;
  for (const v1::OutputConfiguration& output : configuration.outputs()) {
    if (output.name() == name) return &output;
    if (output.name().empty()) for_all = &output;
  }
  return for_all;
}

absl::Status CheckNames(const Graph& graph, const v1::BuildConfiguration& configuration) {
  std::vector<std::string> names;
  for (const onnx::ValueInfoProto& output : graph.proto().output()) names.push_back(output.name());
  for (const v1::OutputConfiguration& output : configuration.outputs()) {
    if (output.name().empty() || std::find(names.begin(), names.end(), output.name()) != names.end()) continue;
    return absl::InvalidArgumentError(absl::StrCat("the configuration names an output \"", output.name(),
                                                   "\", which the model does not have; its outputs are ",
                                                   absl::StrJoin(names, ", ")));
  }
  return absl::OkStatus();
}

Tensor Scalar(double value) { return MakeTensor<float>(onnx::TensorProto::FLOAT, {}, {static_cast<float>(value)}); }

// Makes what writes the output `name` write another tensor, whose name it returns; a chain from there to `name` is due.
std::string Detach(Graph& graph, const std::string& name, const std::string& suffix) {
  onnx::NodeProto* producer = graph.Producer(name);
  const std::string inner = graph.UniqueTensorName(absl::StrCat(name, suffix));
  graph.ReplaceUses(name, inner);
  for (int i = 0; i < producer->output_size(); ++i) {
    if (producer->output(i) == name) graph.SetOutput(producer, i, inner);
  }
  return inner;
}

absl::StatusOr<bool> IsPermuted(const v1::OutputConfiguration& output, const onnx::ValueInfoProto& value) {
  const int rank = value.type().tensor_type().shape().dim_size();
  if (output.permutation().empty()) return false;
  if (output.permutation_size() == rank) return true;
  if (output.layout() != v1::LAYOUT_UNSPECIFIED || output.name().empty()) return false;
  return absl::InvalidArgumentError(absl::StrCat("output \"", value.name(), "\" has ", rank, " dimensions, and ",
                                                 output.permutation_size(), " are permuted"));
}

void Permute(const v1::OutputConfiguration& output, onnx::ValueInfoProto& value) {
  onnx::TensorShapeProto& shape = *value.mutable_type()->mutable_tensor_type()->mutable_shape();
  const onnx::TensorShapeProto before = shape;
  for (int i = 0; i < output.permutation_size(); ++i) {
    *shape.mutable_dim(i) = before.dim(static_cast<int>(output.permutation(i)));
  }
}

absl::Status Attach(Graph& graph, const v1::OutputConfiguration& output, onnx::ValueInfoProto& value,
                    std::vector<const onnx::NodeProto*>& added) {
  ASSIGN_OR_RETURN(const bool is_permuted, IsPermuted(output, value));
  const Affine affine = CombineSteps(output.postprocessing(), /*channel=*/0);
  const bool is_float = value.type().tensor_type().elem_type() == onnx::TensorProto::FLOAT;
  if ((affine.scale != 1 || affine.bias != 0) && !is_float) {
    return absl::InvalidArgumentError(
        absl::StrCat("output \"", value.name(), "\" is not float32: no steps can be added to it"));
  }
  if (!is_permuted && affine.scale == 1 && affine.bias == 0) return absl::OkStatus();
  const std::string name = value.name();
  if (graph.Producer(name) == nullptr) {
    return absl::InvalidArgumentError(
        absl::StrCat("output \"", name, "\" is an input or a constant and stays as it is"));
  }
  onnx::ValueInfoProto inner = value;
  inner.set_name(Detach(graph, name, "_native"));
  NodeChain chain(graph, name, "output", added);
  chain.ContinueFrom(inner.name());
  if (affine.scale != 1) chain.AppendWithConstant("Mul", Scalar(affine.scale));
  if (affine.bias != 0) chain.AppendWithConstant("Add", Scalar(affine.bias));
  if (is_permuted) {
    const std::vector<int64_t> permutation(output.permutation().begin(), output.permutation().end());
    SetIntsAttribute(chain.Append("Transpose"), "perm", permutation);
    Permute(output, value);
  }
  chain.Finish(name);
  *graph.mutable_model().mutable_graph()->add_value_info() = std::move(inner);
  graph.Invalidate();
  return absl::OkStatus();
}

struct Scale {
  double scale = 0;
  int64_t zero_point = 0;
};

// Nothing for types that are not quantized.
std::optional<int32_t> WholeNumberTypeOf(v1::ElementType type) {
  switch (type) {
    case v1::ELEMENT_TYPE_UINT8:
      return onnx::TensorProto::UINT8;
    case v1::ELEMENT_TYPE_INT8:
      return onnx::TensorProto::INT8;
    case v1::ELEMENT_TYPE_UINT16:
      return onnx::TensorProto::UINT16;
    case v1::ELEMENT_TYPE_INT16:
      return onnx::TensorProto::INT16;
    default:
      return std::nullopt;
  }
}

// The scale of the numbers that become this output without arithmetic in between, spread over what `wanted` can hold.
std::optional<Scale> OwnScale(Graph& graph, const std::string& output, const NumberLimits& wanted) {
  const onnx::NodeProto* node = graph.Producer(output);
  while (node != nullptr &&
         (node->op_type() == "Transpose" || node->op_type() == "Reshape" || node->op_type() == "Flatten" ||
          node->op_type() == "Squeeze" || node->op_type() == "Unsqueeze")) {
    node = graph.Producer(node->input(0));
  }
  if (node == nullptr || !IsDequantize(*node)) return std::nullopt;
  const absl::StatusOr<QuantizationForm> form = FormOf(graph, *node);
  if (!form.ok() || form->scales.size() != 1) return std::nullopt;
  // Without a zero point the numbers of a .joint are of uint8.
  const std::optional<NumberLimits> limits =
      LimitsOf(form->element_type == 0 ? onnx::TensorProto::UINT8 : form->element_type);
  if (!limits.has_value()) return std::nullopt;
  // 65535 is 257 times 255: every number of 8 bits is one of 16.
  const double ratio = static_cast<double>(wanted.largest - wanted.least) / (limits->largest - limits->least);
  const double from_least = static_cast<double>(form->zero_points[0] - limits->least) * ratio;
  return Scale{form->scales[0] / ratio, static_cast<int64_t>(std::lround(from_least)) + wanted.least};
}

absl::Status QuantizeOutput(Graph& graph, const v1::OutputConfiguration& output, int32_t element_type,
                            onnx::ValueInfoProto& value, v1::TensorInfo& info) {
  const std::string name = value.name();
  if (value.type().tensor_type().elem_type() != onnx::TensorProto::FLOAT || graph.Producer(name) == nullptr) {
    return absl::InvalidArgumentError(
        absl::StrCat("output \"", name, "\" is not float32 and keeps its type; ask for none"));
  }
  const NumberLimits wanted = *LimitsOf(element_type);
  std::optional<Scale> scale = OwnScale(graph, name, wanted);
  if (output.quantization_value() > 0) scale = Scale{1 / output.quantization_value(), 0};
  if (!scale.has_value()) {
    return absl::InvalidArgumentError(
        absl::StrCat("output \"", name,
                     "\" is computed in float, so there is no scale to give it as whole numbers; give "
                     "it a quantization_value, or leave it float32"));
  }
  std::vector<const onnx::NodeProto*> added;
  NodeChain chain(graph, name, "output", added);
  chain.ContinueFrom(Detach(graph, name, "_real"));
  chain.AppendWithConstant("Mul", Scalar(1 / scale->scale));
  chain.Append("Round");
  if (scale->zero_point != 0) chain.AppendWithConstant("Add", Scalar(static_cast<double>(scale->zero_point)));
  chain.Append("Clip", {chain.AddConstant("least", Scalar(static_cast<double>(wanted.least))),
                        chain.AddConstant("most", Scalar(static_cast<double>(wanted.largest)))});
  SetIntAttribute(chain.Append("Cast"), "to", element_type);
  chain.Finish(name);
  value.mutable_type()->mutable_tensor_type()->set_elem_type(element_type);
  info.set_scale(scale->scale);
  info.set_zero_point(scale->zero_point);
  graph.Invalidate();
  return absl::OkStatus();
}

}  // namespace

absl::StatusOr<std::vector<const onnx::NodeProto*>> AttachOutputs(Graph& graph,
                                                                  const v1::BuildConfiguration& configuration) {
  std::vector<const onnx::NodeProto*> added;
  RETURN_IF_ERROR(CheckNames(graph, configuration));
  for (onnx::ValueInfoProto& value : *graph.mutable_model().mutable_graph()->mutable_output()) {
    const v1::OutputConfiguration* output = ConfigurationOf(configuration, value.name());
    if (output != nullptr) RETURN_IF_ERROR(Attach(graph, *output, value, added));
  }
  RETURN_IF_ERROR(graph.SortTopologically());
  return added;
}

absl::Status QuantizeOutputs(Graph& graph, const v1::BuildConfiguration& configuration,
                             google::protobuf::RepeatedPtrField<v1::TensorInfo>& outputs) {
  auto& values = *graph.mutable_model().mutable_graph()->mutable_output();
  for (int i = 0; i < values.size(); ++i) {
    const v1::OutputConfiguration* output = ConfigurationOf(configuration, values[i].name());
    if (output == nullptr) continue;
    const std::optional<int32_t> element_type = WholeNumberTypeOf(output->element_type());
    if (!element_type.has_value()) continue;
    RETURN_IF_ERROR(QuantizeOutput(graph, *output, *element_type, values[i], outputs[i]));
  }
  return graph.SortTopologically();
}

std::string OutputLayout(const v1::BuildConfiguration& configuration, const onnx::ValueInfoProto& output) {
  const v1::OutputConfiguration* configured = ConfigurationOf(configuration, output.name());
  const bool has_layout = configured != nullptr && configured->layout() != v1::LAYOUT_UNSPECIFIED &&
                          output.type().tensor_type().shape().dim_size() == 4;
  return NameOf(has_layout ? configured->layout() : v1::LAYOUT_NATIVE);
}

}  // namespace joinery::compiler
