#include "compiler/backend/attach_preprocessing.h"

#include <algorithm>
#include <string>
#include <utility>
#include <vector>

#include "absl/strings/str_cat.h"
#include "base/status.h"
#include "compiler/ir/tensor_proto.h"

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

double At(const google::protobuf::RepeatedField<float>& values, size_t channel, double otherwise) {
  if (values.empty()) return otherwise;
  return values.Get(values.size() == 1 ? 0 : static_cast<int>(channel));
}

ChannelAffine Combine(const v1::InputConfiguration& input, size_t channels) {
  ChannelAffine combined{std::vector<double>(channels, 1.0), std::vector<double>(channels, 0.0)};
  for (const v1::PreprocessingStep& step : input.preprocessing()) {
    for (size_t c = 0; c < channels; ++c) {
      double scale = 1;
      double bias = 0;
      if (step.has_affine()) {
        scale = At(step.affine().scale(), c, 1);
        bias = At(step.affine().bias(), c, 0);
      } else {
        scale = 1 / At(step.normalization().std(), c, 1);
        bias = -At(step.normalization().mean(), c, 0) * scale;
      }
      combined.scale[c] *= scale;
      combined.bias[c] = combined.bias[c] * scale + bias;
    }
  }
  return combined;
}

bool IsChannelSwap(v1::ColorSpace from, v1::ColorSpace to) {
  return (from == v1::COLOR_SPACE_RGB && to == v1::COLOR_SPACE_BGR) ||
         (from == v1::COLOR_SPACE_BGR && to == v1::COLOR_SPACE_RGB);
}

bool IsPicture(const v1::InputConfiguration& input) {
  return input.model_layout() == v1::LAYOUT_NCHW || input.model_layout() == v1::LAYOUT_NHWC;
}

// Adds nodes one after the other to a chain that begins at an input.
class Chain {
 public:
  Chain(Graph& graph, std::string input, std::vector<const onnx::NodeProto*>& added)
      : graph_(graph), added_(added), input_(std::move(input)), end_(input_) {}

  onnx::NodeProto* Append(const std::string& op_type, const std::vector<std::string>& operands = {}) {
    std::vector<std::string> inputs{end_};
    inputs.insert(inputs.end(), operands.begin(), operands.end());
    end_ = graph_.UniqueTensorName(absl::StrCat(input_, "_preprocessing_", op_type));
    last_ = graph_.AddNode(op_type, graph_.UniqueNodeName(absl::StrCat(input_, "_preprocessing_", op_type)), inputs,
                           {end_});
    added_.push_back(last_);
    return last_;
  }

  void AppendWithConstants(const std::string& op_type, const Tensor& constants) {
    const std::string name = graph_.UniqueTensorName(absl::StrCat(input_, "_preprocessing_", op_type, "_operand"));
    graph_.AddInitializer(ToProto(constants, name));
    Append(op_type, {name});
  }

  // Calls the end of the chain `name`.
  void Finish(const std::string& name) { graph_.SetOutput(last_, 0, name); }

 private:
  Graph& graph_;
  std::vector<const onnx::NodeProto*>& added_;
  std::string input_;
  std::string end_;
  onnx::NodeProto* last_ = nullptr;
};

// An operand that gives each channel of pictures of `shape` its own value. Channels that lie last are repeated for a
// whole row of pixels: ONNX Runtime broadcasts run by run, and runs of three values cost it more than a convolution.
Tensor ChannelOperand(const std::vector<double>& values, const std::vector<int64_t>& shape, bool is_channels_last) {
  std::vector<float> constants(values.begin(), values.end());
  const auto channels = static_cast<int64_t>(constants.size());
  if (!constants.empty() && std::count(constants.begin(), constants.end(), constants.front()) == channels) {
    return MakeTensor<float>(onnx::TensorProto::FLOAT, {}, {constants.front()});
  }
  if (!is_channels_last) return MakeTensor<float>(onnx::TensorProto::FLOAT, {1, channels, 1, 1}, constants);
  const int64_t width = shape[shape.size() - 2];
  std::vector<float> row;
  row.reserve(static_cast<size_t>(width) * constants.size());
  for (int64_t x = 0; x < width; ++x) row.insert(row.end(), constants.begin(), constants.end());
  return MakeTensor<float>(onnx::TensorProto::FLOAT, {width, channels}, row);
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
  const bool is_channels_first = input.model_layout() == v1::LAYOUT_NCHW;
  const size_t channels =
      is_picture ? static_cast<size_t>((*model_shape)[is_channels_first ? 1 : model_shape->size() - 1]) : 1;
  const bool is_transposed = is_picture && input.layout() != input.model_layout();
  const bool is_swapped = IsChannelSwap(input.color_space(), input.model_color_space());
  const ChannelAffine affine = Combine(input, channels);
  const bool is_cast = input.element_type() == v1::ELEMENT_TYPE_UINT8;
  if (!is_transposed && !is_swapped && !is_cast && !affine.Scales() && !affine.Shifts()) return absl::OkStatus();

  const std::string preprocessed = graph.UniqueTensorName(PreprocessedName(input.name()));
  graph.ReplaceUses(input.name(), preprocessed);
  *graph.mutable_model().mutable_graph()->add_value_info() = *value;
  graph.mutable_model().mutable_graph()->mutable_value_info()->rbegin()->set_name(preprocessed);

  const std::vector<int64_t> to_model =
      is_channels_first ? std::vector<int64_t>{0, 3, 1, 2} : std::vector<int64_t>{0, 2, 3, 1};
  std::vector<int64_t> deployed_shape = *model_shape;
  if (is_transposed) {
    for (size_t i = 0; i < to_model.size(); ++i) deployed_shape[static_cast<size_t>(to_model[i])] = (*model_shape)[i];
  }
  // The steps are given in the deployed layout and order, and come before both change.
  const bool is_channels_last = is_picture && is_channels_first == is_transposed;
  Chain chain(graph, input.name(), added);
  if (is_cast) SetIntAttribute(chain.Append("Cast"), "to", onnx::TensorProto::FLOAT);
  if (affine.Scales()) {
    chain.AppendWithConstants("Mul", ChannelOperand(affine.scale, deployed_shape, is_channels_last));
  }
  if (affine.Shifts()) {
    chain.AppendWithConstants("Add", ChannelOperand(affine.bias, deployed_shape, is_channels_last));
  }
  if (is_transposed) SetIntsAttribute(chain.Append("Transpose"), "perm", to_model);
  if (is_swapped) {
    const std::string order = graph.UniqueTensorName(absl::StrCat(input.name(), "_preprocessing_channel_order"));
    graph.AddInitializer(Int64Proto(order, {3}, {2, 1, 0}));
    SetIntAttribute(chain.Append("Gather", {order}), "axis", is_channels_first ? 1 : 3);
  }
  chain.Finish(preprocessed);
  SetType(value, is_cast ? onnx::TensorProto::UINT8 : onnx::TensorProto::FLOAT, deployed_shape);
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
