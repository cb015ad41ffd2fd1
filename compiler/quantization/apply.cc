#include "compiler/quantization/apply.h"

#include <algorithm>
#include <cmath>
#include <string>
#include <utility>

#include "absl/strings/str_cat.h"
#include "base/status.h"
#include "compiler/ir/tensor_proto.h"

namespace joinery::compiler {
namespace {

// A bias of this many units is safely within 32 bits, with room for the products that are added to it.
constexpr float kLargestBiasUnits = 1 << 30;

class Applier {
 public:
  Applier(Graph& graph, v1::WeightGranularity granularity)
      : graph_(graph), is_per_channel_(granularity != v1::WEIGHT_GRANULARITY_PER_TENSOR) {}

  absl::Status Apply(const QuantizationPlan& plan, const std::vector<QuantizationParameters>& parameters) {
    // All look-ups come before all edits: an edit makes the next look-up expensive. Initializers keep their addresses.
    std::vector<const onnx::TensorProto*> weights;
    std::vector<const onnx::TensorProto*> biases;
    for (const LinearNode& linear : plan.linear_nodes) {
      weights.push_back(graph_.Initializer(linear.form.weights));
      biases.push_back(linear.form.bias.empty() ? nullptr : graph_.Initializer(linear.form.bias));
    }
    for (size_t i = 0; i < plan.linear_nodes.size(); ++i) {
      const LinearNode& linear = plan.linear_nodes[i];
      const float input_scale = parameters[static_cast<size_t>(linear.input_group)].scale;
      RETURN_IF_ERROR(QuantizeLinearNode(linear, *weights[i], biases[i], input_scale));
    }
    for (size_t i = 0; i < plan.groups.size(); ++i) {
      for (const std::string& constant : plan.groups[i].constants) {
        RETURN_IF_ERROR(QuantizeConstant(constant, parameters[i]));
      }
    }
    QuantizeActivations(plan, parameters);
    RETURN_IF_ERROR(graph_.SortTopologically());
    graph_.RemoveDeadNodes();
    return absl::OkStatus();
  }

 private:
  absl::Status QuantizeLinearNode(const LinearNode& linear, const onnx::TensorProto& weights_proto,
                                  const onnx::TensorProto* bias_proto, float input_scale) {
    ASSIGN_OR_RETURN(const std::vector<float> weights, FloatValues(weights_proto));
    std::vector<float> bias;
    if (bias_proto != nullptr) {
      ASSIGN_OR_RETURN(bias, FloatValues(*bias_proto));
    }
    const std::vector<int64_t> shape(weights_proto.dims().begin(), weights_proto.dims().end());
    const int axis = is_per_channel_ ? linear.form.channel_axis : -1;
    const ChannelView view = ViewByChannel(shape, axis);

    std::vector<float> smallest_scales(static_cast<size_t>(view.channels));
    for (size_t i = 0; i < bias.size(); ++i) {
      float& smallest = smallest_scales[axis < 0 ? 0 : i];
      smallest = std::max(smallest, std::fabs(bias[i]) / input_scale / kLargestBiasUnits);
    }
    const QuantizedWeights quantized = QuantizeWeights(weights, view, smallest_scales);
    AddDequantizedInput(linear.node, 1, linear.form.weights,
                        MakeTensor<int8_t>(onnx::TensorProto::INT8, shape, quantized.values), quantized.scales, axis);
    if (bias.empty()) return absl::OkStatus();

    std::vector<float> bias_scales(bias.size());
    for (size_t i = 0; i < bias.size(); ++i) bias_scales[i] = input_scale * quantized.scales[axis < 0 ? 0 : i];
    const std::vector<int32_t> units = QuantizeBias(bias, bias_scales);
    if (axis < 0) bias_scales.resize(1);
    AddDequantizedInput(
        linear.node, 2, linear.form.bias,
        MakeTensor<int32_t>(onnx::TensorProto::INT32, {bias_proto->dims().begin(), bias_proto->dims().end()}, units),
        bias_scales, axis < 0 ? -1 : 0);
    return absl::OkStatus();
  }

  // Makes input `index` of `node` the dequantized `values`. No zero point: it is 0.
  void AddDequantizedInput(onnx::NodeProto* node, int index, const std::string& name, const Tensor& values,
                           const std::vector<float>& scales, int axis) {
    const std::string quantized = graph_.UniqueTensorName(absl::StrCat(name, "_quantized"));
    const std::string scale = graph_.UniqueTensorName(absl::StrCat(name, "_scale"));
    const std::string zero_point = graph_.UniqueTensorName(absl::StrCat(name, "_zero_point"));
    const std::string dequantized = graph_.UniqueTensorName(absl::StrCat(name, "_dequantized"));
    const std::vector<int64_t> scale_shape =
        axis < 0 ? std::vector<int64_t>() : std::vector<int64_t>{static_cast<int64_t>(scales.size())};
    graph_.AddInitializer(ToProto(values, quantized));
    graph_.AddInitializer(FloatProto(scale, scale_shape, scales));
    const Tensor zeros{values.element_type, scale_shape,
                       std::vector<std::byte>(scales.size() * ElementSize(values.element_type))};
    graph_.AddInitializer(ToProto(zeros, zero_point));
    onnx::NodeProto* dequantize =
        graph_.AddNode("DequantizeLinear", graph_.UniqueNodeName(absl::StrCat(name, "_DequantizeLinear")),
                       {quantized, scale, zero_point}, {dequantized});
    if (axis >= 0) SetIntAttribute(dequantize, "axis", axis);
    graph_.SetInput(node, index, dequantized);
  }

  absl::Status QuantizeConstant(const std::string& name, const QuantizationParameters& parameters) {
    ASSIGN_OR_RETURN(const std::vector<float> values, FloatValues(*graph_.Initializer(name)));
    const std::string quantized = graph_.UniqueTensorName(absl::StrCat(name, "_quantized"));
    const std::string dequantized = graph_.UniqueTensorName(absl::StrCat(name, "_dequantized"));
    graph_.AddInitializer(
        ToProto(MakeTensor<uint8_t>(onnx::TensorProto::UINT8, *graph_.Shape(name), QuantizeToUint8(values, parameters)),
                quantized));
    graph_.ReplaceUses(name, dequantized);
    AddDequantize(name, quantized, AddParameters(name, parameters), dequantized);
    return absl::OkStatus();
  }

  void QuantizeActivations(const QuantizationPlan& plan, const std::vector<QuantizationParameters>& parameters) {
    struct Activation {
      std::string name;
      size_t group;
      onnx::NodeProto* producer;
    };
    std::vector<Activation> activations;
    for (size_t i = 0; i < plan.groups.size(); ++i) {
      for (const std::string& tensor : plan.groups[i].tensors) {
        activations.push_back({tensor, i, graph_.Producer(tensor)});
      }
    }
    for (const auto& [name, group, producer] : activations) {
      const ParameterNames names = AddParameters(name, parameters[group]);
      const std::string quantized = graph_.UniqueTensorName(absl::StrCat(name, "_quantized"));
      std::string from = name;
      std::string to = name;
      if (producer == nullptr) {
        to = graph_.UniqueTensorName(absl::StrCat(name, "_dequantized"));
        graph_.ReplaceUses(name, to);
      } else {
        from = graph_.UniqueTensorName(absl::StrCat(name, "_unquantized"));
        for (int i = 0; i < producer->output_size(); ++i) {
          if (producer->output(i) == name) graph_.SetOutput(producer, i, from);
        }
      }
      graph_.AddNode("QuantizeLinear", graph_.UniqueNodeName(absl::StrCat(name, "_QuantizeLinear")),
                     {from, names.scale, names.zero_point}, {quantized});
      AddDequantize(name, quantized, names, to);
    }
  }

  struct ParameterNames {
    std::string scale;
    std::string zero_point;
  };

  ParameterNames AddParameters(const std::string& name, const QuantizationParameters& parameters) {
    const ParameterNames names{graph_.UniqueTensorName(absl::StrCat(name, "_scale")),
                               graph_.UniqueTensorName(absl::StrCat(name, "_zero_point"))};
    const auto zero_point = static_cast<uint8_t>(parameters.zero_point);
    graph_.AddInitializer(FloatProto(names.scale, {}, {parameters.scale}));
    graph_.AddInitializer(ToProto(MakeTensor<uint8_t>(onnx::TensorProto::UINT8, {}, {zero_point}), names.zero_point));
    return names;
  }

  void AddDequantize(const std::string& name, const std::string& quantized, const ParameterNames& names,
                     const std::string& to) {
    graph_.AddNode("DequantizeLinear", graph_.UniqueNodeName(absl::StrCat(name, "_DequantizeLinear")),
                   {quantized, names.scale, names.zero_point}, {to});
  }

  Graph& graph_;
  bool is_per_channel_;
};

}  // namespace

absl::Status ApplyQuantization(Graph& graph, const QuantizationPlan& plan,
                               const std::vector<QuantizationParameters>& parameters,
                               v1::WeightGranularity granularity) {
  return Applier(graph, granularity).Apply(plan, parameters);
}

}  // namespace joinery::compiler
