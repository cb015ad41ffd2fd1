#include "compiler/quantization/apply.h"

#include <algorithm>
#include <string>
#include <unordered_map>
#include <utility>

#include "absl/strings/str_cat.h"
#include "base/status.h"
#include "compiler/ir/tensor_proto.h"

namespace joinery::compiler {
namespace {

class Applier {
 public:
  explicit Applier(Graph& graph) : graph_(graph) {}

  absl::Status Apply(const QuantizationPlan& plan, const Quantization& quantization) {
    // All look-ups come before all edits: an edit makes the next look-up expensive. Initializers keep their addresses.
    std::vector<std::vector<int64_t>> shapes;
    shapes.reserve(plan.linear_nodes.size());
    for (const LinearNode& linear : plan.linear_nodes) {
      const onnx::TensorProto& weights = *graph_.Initializer(linear.form.weights);
      shapes.emplace_back(weights.dims().begin(), weights.dims().end());
    }
    const ReadersOfTensor readers_of_constants = FindReaders(plan);
    for (size_t i = 0; i < plan.linear_nodes.size(); ++i) {
      const LinearNode& linear = plan.linear_nodes[i];
      const float input_scale = quantization.activations[static_cast<size_t>(linear.input_group)].scale;
      QuantizeLinearNode(linear, shapes[i], quantization.linear[i], input_scale);
    }
    for (size_t i = 0; i < plan.groups.size(); ++i) {
      for (const std::string& constant : plan.groups[i].constants) {
        RETURN_IF_ERROR(
            QuantizeConstant(constant, readers_of_constants, quantization.activations[i], plan.groups[i].bits));
      }
    }
    QuantizeActivations(plan, quantization.activations);
    RETURN_IF_ERROR(graph_.SortTopologically());
    graph_.RemoveDeadNodes();
    return absl::OkStatus();
  }

 private:
  void QuantizeLinearNode(const LinearNode& linear, const std::vector<int64_t>& shape,
                          const LinearQuantization& quantization, float input_scale) {
    const std::vector<float>& scales = quantization.weights.scales;
    const int axis = scales.size() > 1 ? linear.form.channel_axis : -1;
    AddDequantizedInput(linear.node, 1, linear.form.weights,
                        MakeTensor<int8_t>(onnx::TensorProto::INT8, shape, quantization.weights.values), scales, axis);
    const std::vector<float>& bias = quantization.bias;
    if (bias.empty()) return;

    std::vector<float> bias_scales(bias.size());
    for (size_t i = 0; i < bias.size(); ++i) bias_scales[i] = input_scale * scales[axis < 0 ? 0 : i];
    const std::vector<int32_t> units = QuantizeBias(bias, bias_scales);
    if (axis < 0) bias_scales.resize(1);
    const std::string name = linear.form.bias.empty() ? absl::StrCat(linear.form.weights, "_bias") : linear.form.bias;
    AddDequantizedInput(linear.node, 2, name,
                        MakeTensor<int32_t>(onnx::TensorProto::INT32, {static_cast<int64_t>(bias.size())}, units),
                        bias_scales, axis < 0 ? -1 : 0);
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

  using ReadersOfTensor = std::unordered_map<std::string, std::vector<onnx::NodeProto*>>;

  // Who is to read constants quantized, where nodes on the CPU are not to; else empty.
  ReadersOfTensor FindReaders(const QuantizationPlan& plan) {
    ReadersOfTensor readers;
    if (plan.cpu_nodes.empty()) return readers;
    for (const ActivationGroup& group : plan.groups) {
      for (const std::string& constant : group.constants) readers.emplace(constant, QuantizedReaders(plan, constant));
    }
    return readers;
  }

  std::vector<onnx::NodeProto*> QuantizedReaders(const QuantizationPlan& plan, const std::string& tensor) {
    std::vector<onnx::NodeProto*> readers = graph_.Consumers(tensor);
    std::erase_if(readers, [&](const onnx::NodeProto* reader) { return plan.cpu_nodes.contains(reader); });
    return readers;
  }

  absl::Status QuantizeConstant(const std::string& name, const ReadersOfTensor& readers,
                                const QuantizationParameters& parameters, int bits) {
    ASSIGN_OR_RETURN(const std::vector<float> values, FloatValues(*graph_.Initializer(name)));
    const std::string quantized = graph_.UniqueTensorName(absl::StrCat(name, "_quantized"));
    const std::string dequantized = graph_.UniqueTensorName(absl::StrCat(name, "_dequantized"));
    graph_.AddInitializer(ToProto(QuantizeTensor(values, *graph_.Shape(name), parameters, bits), quantized));
    if (const auto own = readers.find(name); own != readers.end()) {
      for (onnx::NodeProto* reader : own->second) ReplaceInput(reader, name, dequantized);
    } else {
      graph_.ReplaceUses(name, dequantized);
    }
    AddDequantize(name, quantized, AddParameters(name, parameters, bits), dequantized);
    return absl::OkStatus();
  }

  void QuantizeActivations(const QuantizationPlan& plan, const std::vector<QuantizationParameters>& parameters) {
    struct Activation {
      std::string name;
      size_t group;
      // Null if it comes as it is: from outside, or from the CPU.
      onnx::NodeProto* producer;
      // Who reads it quantized of those that read what comes as it is; not known if all do.
      std::vector<onnx::NodeProto*> readers;
    };
    std::vector<Activation> activations;
    for (size_t i = 0; i < plan.groups.size(); ++i) {
      for (const std::string& tensor : plan.groups[i].tensors) {
        onnx::NodeProto* producer = graph_.Producer(tensor);
        if (plan.cpu_nodes.contains(producer)) producer = nullptr;
        Activation& activation = activations.emplace_back(Activation{tensor, i, producer, {}});
        if (producer == nullptr && !plan.cpu_nodes.empty()) activation.readers = QuantizedReaders(plan, tensor);
      }
    }
    for (const auto& [name, group, producer, readers] : activations) {
      const ParameterNames names = AddParameters(name, parameters[group], plan.groups[group].bits);
      const std::string quantized = graph_.UniqueTensorName(absl::StrCat(name, "_quantized"));
      std::string from = name;
      std::string to = name;
      if (producer == nullptr) {
        to = graph_.UniqueTensorName(absl::StrCat(name, "_dequantized"));
        if (plan.cpu_nodes.empty()) graph_.ReplaceUses(name, to);
        for (onnx::NodeProto* reader : readers) ReplaceInput(reader, name, to);
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

  // Nodes with nested graphs are not quantized and keep what they read.
  void ReplaceInput(onnx::NodeProto* node, const std::string& from, const std::string& to) {
    for (int i = 0; i < node->input_size(); ++i) {
      if (node->input(i) == from) graph_.SetInput(node, i, to);
    }
  }

  struct ParameterNames {
    std::string scale;
    std::string zero_point;
  };

  ParameterNames AddParameters(const std::string& name, const QuantizationParameters& parameters, int bits) {
    const ParameterNames names{graph_.UniqueTensorName(absl::StrCat(name, "_scale")),
                               graph_.UniqueTensorName(absl::StrCat(name, "_zero_point"))};
    graph_.AddInitializer(FloatProto(names.scale, {}, {parameters.scale}));
    graph_.AddInitializer(ToProto(
        bits == 16 ? MakeTensor<uint16_t>(onnx::TensorProto::UINT16, {}, {static_cast<uint16_t>(parameters.zero_point)})
                   : MakeTensor<uint8_t>(onnx::TensorProto::UINT8, {}, {static_cast<uint8_t>(parameters.zero_point)}),
        names.zero_point));
    return names;
  }

  void AddDequantize(const std::string& name, const std::string& quantized, const ParameterNames& names,
                     const std::string& to) {
    graph_.AddNode("DequantizeLinear", graph_.UniqueNodeName(absl::StrCat(name, "_DequantizeLinear")),
                   {quantized, names.scale, names.zero_point}, {to});
  }

  static Tensor QuantizeTensor(absl::Span<const float> values, const std::vector<int64_t>& shape,
                               const QuantizationParameters& parameters, int bits) {
    return bits == 16 ? MakeTensor<uint16_t>(onnx::TensorProto::UINT16, shape, QuantizeToUint16(values, parameters))
                      : MakeTensor<uint8_t>(onnx::TensorProto::UINT8, shape, QuantizeToUint8(values, parameters));
  }

  Graph& graph_;
};

}  // namespace

absl::Status ApplyQuantization(Graph& graph, const QuantizationPlan& plan, const Quantization& quantization) {
  return Applier(graph).Apply(plan, quantization);
}

}  // namespace joinery::compiler
