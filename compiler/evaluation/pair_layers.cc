#include "compiler/evaluation/pair_layers.h"

#include <algorithm>
#include <unordered_map>
#include <unordered_set>
#include <utility>

#include "compiler/backend/attach_preprocessing.h"
#include "compiler/frontend/quantization_form.h"
#include "compiler/ir/tensor_proto.h"

namespace joinery::compiler {
namespace {

int BitsOf(int32_t element_type) {
  switch (element_type) {
    case onnx::TensorProto::INT4:
    case onnx::TensorProto::UINT4:
      return 4;
    case onnx::TensorProto::INT16:
    case onnx::TensorProto::UINT16:
      return 16;
    case onnx::TensorProto::INT32:
      return 32;
    default:
      return 8;
  }
}

bool IsSigned(int32_t element_type) {
  return element_type == onnx::TensorProto::INT4 || element_type == onnx::TensorProto::INT8 ||
         element_type == onnx::TensorProto::INT16 || element_type == onnx::TensorProto::INT32;
}

bool IsLinear(const onnx::NodeProto& node) {
  return node.op_type() == "Conv" || node.op_type() == "ConvTranspose" || node.op_type() == "Gemm" ||
         node.op_type() == "MatMul";
}

class Pairing {
 public:
  Pairing(Graph& float_graph, Graph& quantized_graph) : float_(float_graph), quantized_(quantized_graph) {}

  std::vector<LayerPair> Pair() {
    FindDequantized();
    for (const onnx::ValueInfoProto* input : float_.Inputs()) AddIfPaired(input->name());
    for (const onnx::NodeProto* node : float_.nodes()) {
      for (const std::string& output : node->output()) {
        if (!output.empty()) AddIfPaired(output);
      }
    }
    for (LayerPair& layer : layers_) Complete(layer);
    return std::move(layers_);
  }

 private:
  struct Dequantized {
    std::string tensor;
    const onnx::NodeProto* quantize;
  };

  bool IsComputed(const std::string& tensor) {
    return float_.Producer(tensor) != nullptr || float_.IsGraphInput(tensor);
  }

  void FindDequantized() {
    for (const onnx::NodeProto* node : quantized_.nodes()) {
      if (node->op_type() != "DequantizeLinear" || node->input_size() < 2 || node->output_size() < 1) continue;
      const onnx::NodeProto* quantize = quantized_.Producer(node->input(0));
      if (quantize == nullptr || quantize->op_type() != "QuantizeLinear" || quantize->input_size() < 2) continue;
      const std::string& after = node->output(0);
      const std::string& before = quantize->input(0);
      // The first of several is the one that is nearest to the tensor.
      if (IsComputed(after)) {
        dequantized_.insert_or_assign(after, Dequantized{after, quantize});
      } else if (IsComputed(before)) {
        dequantized_.try_emplace(before, Dequantized{after, quantize});
      }
    }
  }

  void AddIfPaired(const std::string& tensor) {
    const auto found = dequantized_.find(tensor);
    LayerPair layer;
    layer.tensor = tensor;
    if (found != dequantized_.end()) {
      layer.dequantized = found->second.tensor;
      layer.format = FormatOf(*found->second.quantize);
    } else if (float_.IsGraphOutput(tensor) && float_.ElementType(tensor) == onnx::TensorProto::FLOAT &&
               quantized_.IsGraphOutput(tensor)) {
      layer.dequantized = tensor;
    } else {
      return;
    }
    index_.emplace(tensor, layers_.size());
    layers_.push_back(std::move(layer));
  }

  ActivationFormat FormatOf(const onnx::NodeProto& quantize) {
    const bool has_zero_point = quantize.input_size() > 2 && !quantize.input(2).empty();
    const onnx::TensorProto* zero_point = has_zero_point ? quantized_.Initializer(quantize.input(2)) : nullptr;
    const onnx::TensorProto* scale = quantized_.Initializer(quantize.input(1));
    const int32_t type = zero_point != nullptr
                             ? zero_point->data_type()
                             : static_cast<int32_t>(IntAttribute(quantize, "output_dtype", onnx::TensorProto::UINT8));
    ActivationFormat format;
    format.bits = BitsOf(type);
    if (scale == nullptr) return format;
    const absl::StatusOr<std::vector<float>> values = FloatValues(*scale);
    if (!values.ok() || values->size() != 1) return format;
    format.scale = values->front();
    if (zero_point != nullptr) {
      const absl::StatusOr<std::vector<int32_t>> zero_points = Integers(*zero_point);
      if (zero_points.ok() && !zero_points->empty()) format.zero_point = zero_points->front();
    }
    const double levels = static_cast<double>(int64_t{1} << format.bits);
    const double lowest = IsSigned(type) ? -levels / 2 : 0;
    format.low = static_cast<float>((lowest - format.zero_point) * format.scale);
    format.high = static_cast<float>((lowest + levels - 1 - format.zero_point) * format.scale);
    return format;
  }

  // Fills in what lies between the layer and those it reads.
  void Complete(LayerPair& layer) {
    const onnx::NodeProto* producer = float_.Producer(layer.tensor);
    const onnx::NodeProto* named = producer;
    std::vector<size_t>& inputs = layer.inputs;
    std::string graph_input;
    std::unordered_set<const onnx::NodeProto*> seen;
    // Nearest first.
    std::vector<const onnx::NodeProto*> region;
    if (producer != nullptr) region.push_back(producer);
    bool is_linear = false;
    for (size_t i = 0; i < region.size(); ++i) {
      const onnx::NodeProto& node = *region[i];
      if (!is_linear && IsLinear(node)) {
        is_linear = true;
        named = &node;
      }
      ForEachInput(node, [&](const std::string& input) {
        if (const auto found = index_.find(input); found != index_.end()) {
          if (std::find(inputs.begin(), inputs.end(), found->second) == inputs.end()) inputs.push_back(found->second);
        } else if (const onnx::NodeProto* before = float_.Producer(input); before != nullptr) {
          if (seen.insert(before).second) region.push_back(before);
        } else if (float_.IsGraphInput(input)) {
          graph_input = input;
        }
      });
    }
    if (producer == nullptr || (!graph_input.empty() && layer.tensor == PreprocessedName(graph_input))) {
      layer.name = graph_input.empty() ? layer.tensor : graph_input;
      layer.op_type = "Input";
      return;
    }
    layer.name = named->name().empty() ? named->output(0) : named->name();
    layer.op_type = named->op_type();
    if (is_linear) DescribeWeights(layer, *named);
    const auto shape = float_.Shape(layer.tensor);
    const bool is_conv = layer.op_type == "Conv" || layer.op_type == "ConvTranspose";
    layer.has_channels = shape.has_value() && (shape->size() >= 4 || (shape->size() == 3 && is_conv));
  }

  void DescribeWeights(LayerPair& layer, const onnx::NodeProto& node) {
    const onnx::TensorProto* weights = node.input_size() > 1 ? float_.Initializer(node.input(1)) : nullptr;
    if (weights == nullptr) return;
    layer.weights = weights->name();
    if (node.op_type() == "ConvTranspose") layer.weight_axis = 1;
    if (node.op_type() == "Gemm") layer.weight_axis = IntAttribute(node, "transB", 0) != 0 ? 0 : 1;
    if (node.op_type() == "MatMul") layer.weight_axis = weights->dims_size() - 1;
    layer.weight_bits = WeightBits(layer);
  }

  // Of the operator in the quantized model that stands where the float one does.
  int WeightBits(const LayerPair& layer) {
    const onnx::NodeProto* node = quantized_.Producer(layer.dequantized);
    // Back over the quantization and activations to the operator with weights; a chain has few nodes.
    for (int steps = 0; node != nullptr && steps < 16; ++steps) {
      if (IsLinear(*node)) break;
      node = node->input_size() == 0 ? nullptr : quantized_.Producer(node->input(0));
    }
    if (node == nullptr || !IsLinear(*node) || node->input_size() < 2) return 0;
    const onnx::NodeProto* dequantize = quantized_.Producer(node->input(1));
    if (dequantize == nullptr || dequantize->op_type() != "DequantizeLinear") return 0;
    const onnx::TensorProto* stored = quantized_.Initializer(dequantize->input(0));
    return stored == nullptr ? 8 : BitsOf(stored->data_type());
  }

  Graph& float_;
  Graph& quantized_;
  std::unordered_map<std::string, Dequantized> dequantized_;
  std::vector<LayerPair> layers_;
  std::unordered_map<std::string, size_t> index_;
};

}  // namespace

std::vector<LayerPair> PairLayers(Graph& float_graph, Graph& quantized_graph) {
  return Pairing(float_graph, quantized_graph).Pair();
}

}  // namespace joinery::compiler
