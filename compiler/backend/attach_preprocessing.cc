#include "compiler/backend/attach_preprocessing.h"

#include <algorithm>
#include <string>
#include <utility>
#include <vector>

#include "absl/strings/str_cat.h"
#include "base/status.h"
#include "compiler/backend/convert_colors.h"
#include "compiler/backend/node_chain.h"
#include "compiler/configuration/deployed_input.h"
#include "compiler/configuration/preprocessing_steps.h"

namespace joinery::compiler {
namespace {

// One factor and one term for each channel, or one for all: y = x * scale + bias.
struct ChannelAffine {
  std::vector<double> scale;
  std::vector<double> bias;

  bool Scales() const {
    return std::any_of(scale.begin(), scale.end(), [](double s) { return s != 1; });
  }
  bool Shifts() const {
    return std::any_of(bias.begin(), bias.end(), [](double b) { return b != 0; });
  }
};

ChannelAffine Combine(const v1::InputConfiguration& input, size_t channels) {
  ChannelAffine combined;
  for (size_t c = 0; c < channels; ++c) {
    const Affine affine = CombineSteps(input.preprocessing(), c);
    combined.scale.push_back(affine.scale);
    combined.bias.push_back(affine.bias);
  }
  return combined;
}

// An operand that gives each channel of pictures of `width` its own value. Channels that lie last are repeated for a
// whole row of pixels: ONNX Runtime broadcasts run by run, and runs of three values cost it more than a convolution.
Tensor ChannelOperand(const std::vector<double>& values, int64_t width, bool is_channels_last) {
  std::vector<float> constants(values.begin(), values.end());
  const auto channels = static_cast<int64_t>(constants.size());
  if (!constants.empty() && std::count(constants.begin(), constants.end(), constants.front()) == channels) {
    return MakeTensor<float>(onnx::TensorProto::FLOAT, {}, {constants.front()});
  }
  if (!is_channels_last) return MakeTensor<float>(onnx::TensorProto::FLOAT, {1, channels, 1, 1}, constants);
  std::vector<float> row;
  row.reserve(static_cast<size_t>(width) * constants.size());
  for (int64_t x = 0; x < width; ++x) row.insert(row.end(), constants.begin(), constants.end());
  return MakeTensor<float>(onnx::TensorProto::FLOAT, {width, channels}, row);
}

void DropSpareChannel(NodeChain& chain, const v1::InputConfiguration& input) {
  const int64_t axis = input.layout() == v1::LAYOUT_NCHW ? 1 : 3;
  chain.Append("Slice",
               {chain.AddConstant("first_channel", Int64Constant({0})),
                chain.AddConstant("channels", Int64Constant({3})), chain.AddConstant("axis", Int64Constant({axis}))});
}

onnx::ValueInfoProto* FindInput(Graph& graph, const std::string& name) {
  for (onnx::ValueInfoProto& input : *graph.mutable_model().mutable_graph()->mutable_input()) {
    if (input.name() == name) return &input;
  }
  return nullptr;
}

void SetType(onnx::ValueInfoProto* input, int32_t element_type, const std::vector<int64_t>& shape) {
  onnx::TypeProto_Tensor* type = input->mutable_type()->mutable_tensor_type();
  type->set_elem_type(element_type);
  type->mutable_shape()->clear_dim();
  for (const int64_t dimension : shape) type->mutable_shape()->add_dim()->set_dim_value(dimension);
}

absl::Status AttachToInput(Graph& graph, const v1::InputConfiguration& input,
                           std::vector<const onnx::NodeProto*>& added) {
  onnx::ValueInfoProto* value = FindInput(graph, input.name());
  const std::optional<std::vector<int64_t>> model_shape = graph.Shape(input.name());
  if (value == nullptr || !model_shape.has_value() ||
      !std::equal(model_shape->begin(), model_shape->end(), input.model_shape().begin(), input.model_shape().end())) {
    return absl::InvalidArgumentError(absl::StrCat("the configuration's input \"", input.name(),
                                                   "\" is not one of the model's inputs, or has another shape"));
  }
  if (input.element_type() == v1::ELEMENT_TYPE_NATIVE) return absl::OkStatus();
  const bool is_picture = IsPicture(input);
  const bool is_converted = ConvertsColors(input);
  const bool is_transposed = is_picture && !is_converted && input.layout() != input.model_layout();
  const bool is_swapped = is_picture && SwapsRedAndBlue(input);
  const bool has_spare = is_picture && DeployedChannels(input.color_space()) == 4;
  const ChannelAffine affine = Combine(input, static_cast<size_t>(is_picture ? ModelPicture(input).channels : 1));
  const bool is_cast = input.element_type() != v1::ELEMENT_TYPE_FLOAT32;
  if (!is_transposed && !is_swapped && !is_cast && !is_converted && !has_spare && !affine.Scales() &&
      !affine.Shifts()) {
    return absl::OkStatus();
  }

  const std::string preprocessed = graph.UniqueTensorName(PreprocessedName(input.name()));
  graph.ReplaceUses(input.name(), preprocessed);
  *graph.mutable_model().mutable_graph()->add_value_info() = *value;
  graph.mutable_model().mutable_graph()->mutable_value_info()->rbegin()->set_name(preprocessed);

  NodeChain chain(graph, input.name(), "preprocessing", added);
  if (is_cast) SetIntAttribute(chain.Append("Cast"), "to", onnx::TensorProto::FLOAT);
  if (has_spare) DropSpareChannel(chain, input);
  if (is_converted) AppendColorConversion(chain, input);
  // The steps are in the deployed layout and order where both change after them.
  const v1::Layout layout = is_converted ? input.model_layout() : input.layout();
  const bool is_channels_last = is_picture && layout == v1::LAYOUT_NHWC;
  const int64_t width = is_picture ? ModelPicture(input).width : 1;
  if (affine.Scales()) chain.AppendWithConstant("Mul", ChannelOperand(affine.scale, width, is_channels_last));
  if (affine.Shifts()) chain.AppendWithConstant("Add", ChannelOperand(affine.bias, width, is_channels_last));
  const bool is_channels_first = input.model_layout() == v1::LAYOUT_NCHW;
  if (is_transposed) {
    SetIntsAttribute(chain.Append("Transpose"), "perm",
                     is_channels_first ? std::vector<int64_t>{0, 3, 1, 2} : std::vector<int64_t>{0, 2, 3, 1});
  }
  if (is_swapped) {
    const std::string order = chain.AddConstant("channel_order", Int64Constant({2, 1, 0}));
    SetIntAttribute(chain.Append("Gather", {order}), "axis", is_channels_first ? 1 : 3);
  }
  chain.Finish(preprocessed);
  SetType(value, DeployedElementType(input), DeployedShape(input));
  graph.Invalidate();
  return absl::OkStatus();
}

}  // namespace

std::string PreprocessedName(const std::string& input) { return absl::StrCat(input, "_preprocessed"); }

absl::StatusOr<std::vector<const onnx::NodeProto*>> AttachPreprocessing(Graph& graph,
                                                                        const v1::BuildConfiguration& configuration) {
  std::vector<const onnx::NodeProto*> added;
  for (const v1::InputConfiguration& input : configuration.inputs()) {
    RETURN_IF_ERROR(AttachToInput(graph, input, added));
  }
  RETURN_IF_ERROR(graph.SortTopologically());
  return added;
}

}  // namespace joinery::compiler
