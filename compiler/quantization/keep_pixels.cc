#include "compiler/quantization/keep_pixels.h"

#include <algorithm>
#include <cmath>
#include <string>
#include <utility>

#include "absl/strings/str_cat.h"
#include "base/status.h"
#include "compiler/ir/tensor_proto.h"

namespace joinery::compiler {
namespace {

constexpr int kBytes = 256;
// A mean that is this near to a whole pixel value is meant to be one: it was computed in float.
constexpr double kWholeTolerance = 1e-4;

// What a tensor is in terms of the bytes of an input: byte * scale + bias.
struct PixelChain {
  std::string input;
  float scale = 1;
  float bias = 0;
  // What the value behind the arithmetic is called, and the nodes that then move it, the last one first.
  std::string computed;
  std::vector<onnx::NodeProto*> movers;
};

std::optional<float> ScalarOperand(Graph& graph, const onnx::NodeProto& node) {
  const onnx::TensorProto* constant = graph.Initializer(node.input(1));
  if (constant == nullptr) return std::nullopt;
  const absl::StatusOr<std::vector<float>> values = FloatValues(*constant);
  if (!values.ok() || values->size() != 1) return std::nullopt;
  return values->front();
}

bool Moves(const onnx::NodeProto& node) { return node.op_type() == "Transpose" || node.op_type() == "Gather"; }

// Walks up from `tensor` to an input of bytes. The order of what it meets is fixed: movers, Add, Mul, Cast.
std::optional<PixelChain> FindPixelChain(Graph& graph, const std::string& tensor) {
  PixelChain chain;
  std::string at = tensor;
  onnx::NodeProto* node = graph.Producer(at);
  while (node != nullptr && Moves(*node)) {
    chain.movers.push_back(node);
    at = node->input(0);
    node = graph.Producer(at);
  }
  chain.computed = at;
  for (const auto& [op_type, value] : {std::pair("Add", &chain.bias), std::pair("Mul", &chain.scale)}) {
    if (node == nullptr || node->op_type() != op_type) continue;
    const std::optional<float> operand = ScalarOperand(graph, *node);
    if (!operand.has_value()) return std::nullopt;
    *value = *operand;
    node = graph.Producer(node->input(0));
  }
  if (node == nullptr || node->op_type() != "Cast") return std::nullopt;
  chain.input = node->input(0);
  if (!graph.IsGraphInput(chain.input) || graph.ElementType(chain.input) != onnx::TensorProto::UINT8) {
    return std::nullopt;
  }
  return chain;
}

bool GivesBytesBack(const PixelChain& chain, const QuantizationParameters& parameters) {
  std::vector<float> values(kBytes);
  for (int i = 0; i < kBytes; ++i) values[static_cast<size_t>(i)] = static_cast<float>(i) * chain.scale + chain.bias;
  const std::vector<uint8_t> quantized = QuantizeToUint8(values, parameters);
  for (int i = 0; i < kBytes; ++i) {
    if (quantized[static_cast<size_t>(i)] != i) return false;
  }
  return true;
}

// Scale and zero point of a QuantizeLinear to uint8 with one of each, both constant.
std::optional<QuantizationParameters> ParametersOf(Graph& graph, const onnx::NodeProto& quantize) {
  if (quantize.input_size() != 3) return std::nullopt;
  const std::optional<float> scale = ScalarOperand(graph, quantize);
  const onnx::TensorProto* zero_point = graph.Initializer(quantize.input(2));
  if (!scale.has_value() || zero_point == nullptr || zero_point->data_type() != onnx::TensorProto::UINT8) {
    return std::nullopt;
  }
  const absl::StatusOr<Tensor> value = ToTensor(*zero_point);
  if (!value.ok() || NumElements(value->shape) != 1) return std::nullopt;
  return QuantizationParameters{*scale, value->values<uint8_t>()[0]};
}

}  // namespace

std::optional<QuantizationParameters> PixelParameters(Graph& graph, const ActivationGroup& group) {
  if (group.bits != 8) return std::nullopt;
  for (const std::string& tensor : group.tensors) {
    const std::optional<PixelChain> chain = FindPixelChain(graph, tensor);
    if (!chain.has_value() || !(chain->scale > 0) || !std::isfinite(chain->scale)) continue;
    const double zero_point = -static_cast<double>(chain->bias) / chain->scale;
    if (!(zero_point >= 0 && zero_point < kBytes) || std::fabs(zero_point - std::round(zero_point)) > kWholeTolerance) {
      continue;
    }
    const QuantizationParameters parameters{chain->scale, static_cast<int32_t>(std::lround(zero_point))};
    if (GivesBytesBack(*chain, parameters)) return parameters;
  }
  return std::nullopt;
}

absl::StatusOr<int> RemoveIdentityPreprocessing(Graph& graph) {
  int removed = 0;
  for (onnx::NodeProto* quantize : graph.nodes()) {
    if (quantize->op_type() != "QuantizeLinear") continue;
    const std::string unquantized = quantize->input(0);
    const std::optional<PixelChain> chain = FindPixelChain(graph, unquantized);
    const std::optional<QuantizationParameters> parameters = ParametersOf(graph, *quantize);
    if (!chain.has_value() || !parameters.has_value() || !GivesBytesBack(*chain, *parameters)) continue;
    // A value that somebody else reads, too, must stay what it is.
    bool is_read_elsewhere = false;
    std::string at = unquantized;
    while (true) {
      is_read_elsewhere = is_read_elsewhere || graph.Consumers(at).size() != 1 || graph.IsGraphOutput(at);
      if (at == chain->computed) break;
      at = graph.Producer(at)->input(0);
    }
    const std::string quantized = quantize->output(0);
    if (is_read_elsewhere || graph.IsGraphOutput(quantized)) continue;
    graph.RemoveNode(quantize);
    if (chain->movers.empty()) graph.ReplaceUses(quantized, chain->input);
    // What is moved gets new names: the old ones are known to be float.
    std::string moved = chain->input;
    for (size_t i = chain->movers.size(); i-- > 0;) {
      onnx::NodeProto* mover = chain->movers[i];
      graph.SetInput(mover, 0, moved);
      moved = i == 0 ? quantized : graph.UniqueTensorName(absl::StrCat(mover->output(0), "_bytes"));
      graph.SetOutput(mover, 0, moved);
    }
    ++removed;
  }
  if (removed == 0) return 0;
  graph.RemoveDeadNodes();
  RETURN_IF_ERROR(graph.SortTopologically());
  return removed;
}

}  // namespace joinery::compiler
