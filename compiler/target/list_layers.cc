#include <algorithm>
#include <unordered_map>
#include <utility>

#include "compiler/ir/tensor.h"
#include "compiler/target/layer_shapes.h"

namespace joinery::compiler {
namespace {

bool IsQuantizer(const onnx::NodeProto& node) {
  return node.op_type() == "QuantizeLinear" || node.op_type() == "DequantizeLinear";
}

// What the NPU applies to a result before it is stored.
bool IsActivation(const std::string& op_type) {
  static const auto* const types = new std::vector<std::string>{
      "Relu", "Clip", "LeakyRelu", "PRelu", "Sigmoid", "HardSigmoid", "HardSwish", "Tanh",           "Elu",
      "Gelu", "Selu", "Softplus",  "Mish",  "Swish",   "Celu",        "Softsign",  "ThresholdedRelu"};
  return std::find(types->begin(), types->end(), op_type) != types->end();
}

int BitsOf(int32_t element_type) {
  switch (element_type) {
    case onnx::TensorProto::UINT8:
    case onnx::TensorProto::INT8:
      return 8;
    case onnx::TensorProto::UINT16:
    case onnx::TensorProto::INT16:
      return 16;
    case onnx::TensorProto::UINT4:
    case onnx::TensorProto::INT4:
      return 4;
    default:
      return 32;
  }
}

class LayerLister {
 public:
  explicit LayerLister(Graph& graph) : graph_(graph) {
    for (const onnx::NodeProto* node : graph_.nodes()) {
      if (IsQuantizer(*node)) {
        SeeThrough(*node);
      } else if (node->op_type() != "Constant") {
        nodes_.push_back(node);
      }
    }
    for (const onnx::NodeProto* node : nodes_) {
      ForEachInput(*node, [&](const std::string& tensor) { readers_[Origin(tensor)].push_back(node); });
    }
  }

  std::vector<LayerShape> List() {
    std::vector<LayerShape> layers;
    for (const onnx::NodeProto* node : nodes_) {
      if (in_layer_.count(node) > 0) continue;
      layers.push_back(Describe(*node));
    }
    return layers;
  }

 private:
  void SeeThrough(const onnx::NodeProto& node) {
    quantized_ = true;
    origin_[node.output(0)] = Origin(node.input(0));
    const bool quantizes = node.op_type() == "QuantizeLinear";
    const int32_t type = graph_.ElementType(quantizes ? node.output(0) : node.input(0));
    bits_[Origin(node.input(0))] = BitsOf(type);
  }

  const std::string& Origin(const std::string& tensor) const {
    const auto found = origin_.find(tensor);
    return found == origin_.end() ? tensor : found->second;
  }

  int Bits(const std::string& tensor) const {
    const auto found = bits_.find(tensor);
    if (found != bits_.end()) return found->second;
    return quantized_ ? 32 : 8;
  }

  Dimensions ShapeOf(const std::string& tensor) { return graph_.Shape(tensor).value_or(Dimensions()); }

  // A node that alone reads `tensor`, which is no output of the model; null if there is none.
  const onnx::NodeProto* OnlyReader(const std::string& tensor) {
    const auto found = readers_.find(tensor);
    return found != readers_.end() && found->second.size() == 1 && !IsOutput(tensor) ? found->second[0] : nullptr;
  }

  bool IsOutput(const std::string& tensor) {
    if (graph_.IsGraphOutput(tensor)) return true;
    for (const auto& output : graph_.proto().output()) {
      if (Origin(output.name()) == tensor) return true;
    }
    return false;
  }

  void Describe(const onnx::NodeProto& node, LayerShape& layer) {
    layer.name = node.name().empty() ? joinery::compiler::Describe(node) : node.name();
    layer.op_type = node.op_type();
    layer.kernel = IntsAttribute(node, "kernel_shape");
    layer.group = IntAttribute(node, "group", 1);
    for (const std::string& input : node.input()) {
      if (input.empty()) continue;
      const std::string& origin = Origin(input);
      if (const onnx::TensorProto* constant = graph_.Initializer(origin)) {
        const Dimensions dimensions(constant->dims().begin(), constant->dims().end());
        if (dimensions.size() < 2 || NumElements(dimensions) <= NumElements(layer.weights)) continue;
        layer.weights = dimensions;
        layer.weight_bits = Bits(origin);
      } else {
        layer.inputs.push_back(ShapeOf(origin));
      }
    }
  }

  LayerShape Describe(const onnx::NodeProto& node) {
    LayerShape layer;
    Describe(node, layer);
    const onnx::NodeProto* last = &node;
    in_layer_.insert(&node);
    layer.tensors.push_back(node.output(0));
    if (node.output_size() == 1) last = TakeActivation(node, layer);
    layer.output = ShapeOf(last->output(0));
    layer.bits = Bits(Origin(last->output(0)));
    return layer;
  }

  const onnx::NodeProto* TakeActivation(const onnx::NodeProto& node, LayerShape& layer) {
    const std::string& tensor = node.output(0);
    const onnx::NodeProto* reader = OnlyReader(tensor);
    if (reader != nullptr && IsActivation(reader->op_type()) && Origin(reader->input(0)) == tensor) {
      return Take(*reader, reader->op_type(), layer);
    }
    return TakeSilu(node, layer);
  }

  // x * Sigmoid(x), where nobody else reads either.
  const onnx::NodeProto* TakeSilu(const onnx::NodeProto& node, LayerShape& layer) {
    const auto readers = readers_.find(node.output(0));
    if (readers == readers_.end() || readers->second.size() != 2 || IsOutput(node.output(0))) return &node;
    const onnx::NodeProto* gate = readers->second[0];
    const onnx::NodeProto* product = readers->second[1];
    if (gate->op_type() != "Sigmoid" && gate->op_type() != "HardSigmoid") std::swap(gate, product);
    if (gate->op_type() != "Sigmoid" && gate->op_type() != "HardSigmoid") return &node;
    if (product->op_type() != "Mul" || OnlyReader(gate->output(0)) != product) return &node;
    const std::string type = gate->op_type() == "Sigmoid" ? "Silu" : "HardSwish";
    Take(*gate, type, layer);
    return Take(*product, type, layer);
  }

  const onnx::NodeProto* Take(const onnx::NodeProto& node, const std::string& type, LayerShape& layer) {
    layer.activation = type;
    layer.tensors.push_back(node.output(0));
    in_layer_.insert(&node);
    return &node;
  }

  Graph& graph_;
  std::vector<const onnx::NodeProto*> nodes_;
  std::unordered_set<const onnx::NodeProto*> in_layer_;
  // Of a tensor behind quantizers: what they read in the end.
  std::unordered_map<std::string, std::string> origin_;
  std::unordered_map<std::string, std::vector<const onnx::NodeProto*>> readers_;
  std::unordered_map<std::string, int> bits_;
  bool quantized_ = false;
};

}  // namespace

std::vector<LayerShape> ListLayers(Graph& graph) { return LayerLister(graph).List(); }

}  // namespace joinery::compiler
