#include "compiler/quantization/layer_inputs.h"

#include <algorithm>
#include <cmath>
#include <optional>
#include <string>
#include <tuple>
#include <unordered_map>
#include <utility>

#include "base/status.h"

namespace joinery::compiler {
namespace {

// So many columns tell a layer's inputs apart well: for each number in one of them...
constexpr int64_t kColumnsPerNumber = 4;
constexpr int64_t kFewestColumns = 256;
constexpr int64_t kMostColumns = 4096;
constexpr int64_t kLargestBytes = int64_t{72} << 20;
// Another place in each sample, so that columns do not all come from the same ones.
constexpr int64_t kStride = 7919;

// How a layer walks over its input of [1, channels, height, width]; one-dimensional convolutions have height 1. A
// matrix product walks over the rows of its input, which has its channels last.
struct Window {
  int64_t channels = 1;
  int64_t height = 1;
  int64_t width = 1;
  int64_t kernel_height = 1;
  int64_t kernel_width = 1;
  int64_t stride_y = 1;
  int64_t stride_x = 1;
  int64_t dilation_y = 1;
  int64_t dilation_x = 1;
  int64_t pad_top = 0;
  int64_t pad_left = 0;
  int64_t output_height = 1;
  int64_t output_width = 1;
  bool channels_last = false;

  int64_t positions() const { return output_height * output_width; }
  int64_t size() const { return channels * kernel_height * kernel_width; }
};

// The last two of `values`, or what stands for them where there are fewer.
std::pair<int64_t, int64_t> LastTwo(const std::vector<int64_t>& values, int64_t otherwise) {
  if (values.empty()) return {otherwise, otherwise};
  if (values.size() == 1) return {otherwise, values[0]};
  return {values[values.size() - 2], values.back()};
}

std::optional<Window> WindowOfConv(const onnx::NodeProto& node, const std::vector<int64_t>& kernel,
                                   const std::vector<int64_t>& input, const std::vector<int64_t>& output) {
  const size_t dimensions = kernel.size() - 2;
  if (dimensions < 1 || dimensions > 2 || input.size() != kernel.size() || input[0] != 1) return std::nullopt;
  if (StringAttribute(node, "auto_pad", "NOTSET") != "NOTSET") return std::nullopt;
  Window window;
  window.channels = input[1];
  const auto spatial = [](const std::vector<int64_t>& shape) {
    return std::vector<int64_t>(shape.begin() + 2, shape.end());
  };
  std::tie(window.height, window.width) = LastTwo(spatial(input), 1);
  std::tie(window.output_height, window.output_width) = LastTwo(spatial(output), 1);
  std::tie(window.kernel_height, window.kernel_width) = LastTwo(spatial(kernel), 1);
  std::tie(window.stride_y, window.stride_x) = LastTwo(IntsAttribute(node, "strides"), 1);
  std::tie(window.dilation_y, window.dilation_x) = LastTwo(IntsAttribute(node, "dilations"), 1);
  std::vector<int64_t> pads = IntsAttribute(node, "pads");
  pads.resize(std::min(pads.size(), dimensions));
  std::tie(window.pad_top, window.pad_left) = LastTwo(pads, 0);
  return window;
}

std::optional<Window> WindowOf(Graph& graph, const onnx::NodeProto& node, const LinearWeights& weights) {
  const auto input = graph.Shape(node.input(0));
  const auto output = graph.Shape(node.output(0));
  if (!input.has_value() || !output.has_value() || weights.outputs == 0) return std::nullopt;
  if (node.op_type() == "Conv") return WindowOfConv(node, weights.shape, *input, *output);
  if ((node.op_type() != "Gemm" && node.op_type() != "MatMul") || input->empty()) return std::nullopt;
  Window window;
  window.channels = input->back();
  window.channels_last = true;
  for (size_t i = 0; i + 1 < input->size(); ++i) window.output_width *= (*input)[i];
  window.width = window.output_width;
  if (window.channels != weights.inputs || window.positions() == 0) return std::nullopt;
  return window;
}

void ReadColumn(const Window& window, absl::Span<const float> input, int64_t position, std::vector<float>& column) {
  const int64_t top = position / window.output_width * window.stride_y - window.pad_top;
  const int64_t left = position % window.output_width * window.stride_x - window.pad_left;
  size_t next = 0;
  for (int64_t c = 0; c < window.channels; ++c) {
    for (int64_t ky = 0; ky < window.kernel_height; ++ky) {
      const int64_t y = top + ky * window.dilation_y;
      for (int64_t kx = 0; kx < window.kernel_width; ++kx) {
        const int64_t x = left + kx * window.dilation_x;
        const bool is_inside = y >= 0 && y < window.height && x >= 0 && x < window.width;
        const int64_t index =
            window.channels_last ? x * window.channels + c : (c * window.height + y) * window.width + x;
        column[next++] = is_inside ? input[static_cast<size_t>(index)] : 0;
      }
    }
  }
}

// One layer whose columns are collected.
struct Layer {
  Window window;
  int64_t columns_of_sample = 0;
  // By which its input's channels are multiplied; empty: by nothing.
  std::vector<float> factors;
  LayerInputs inputs;

  void Collect(absl::Span<const float> input, size_t sample) {
    const QuantizationParameters parameters{inputs.scale, inputs.zero_point};
    const int64_t positions = window.positions();
    const int64_t size = window.size();
    const int64_t taps = window.kernel_height * window.kernel_width;
    const int64_t first = static_cast<int64_t>(sample) * kStride % positions;
    std::vector<float> column(static_cast<size_t>(size));
    for (int64_t i = 0; i < columns_of_sample; ++i) {
      ReadColumn(window, input, (first + i * positions / columns_of_sample) % positions, column);
      for (size_t k = 0; k < column.size() && !factors.empty(); ++k)
        column[k] *= factors[k / static_cast<size_t>(taps)];
      const std::vector<uint8_t> numbers = QuantizeToUint8(column, parameters);
      std::copy(numbers.begin(), numbers.end(),
                inputs.numbers.begin() + (static_cast<int64_t>(sample) * columns_of_sample + i) * size);
    }
  }
};

int64_t ColumnsFor(const Layer& layer) {
  return std::clamp(kColumnsPerNumber * layer.inputs.depth, kFewestColumns, kMostColumns);
}

}  // namespace

absl::StatusOr<std::vector<LayerInputs>> CollectLayerInputs(const onnx::ModelProto& model, Graph& graph,
                                                            const QuantizationPlan& plan, const FloatLayers& layers,
                                                            const Quantization& quantization, int64_t deepest,
                                                            size_t num_samples, const LoadSampleFunction& load,
                                                            const ObserveOptions& options) {
  std::vector<Layer> collected(plan.linear_nodes.size());
  std::unordered_map<std::string, std::vector<size_t>> readers;
  std::vector<std::string> tensors;
  double bytes = 0;
  double bytes_of_columns = 0;
  for (size_t i = 0; i < collected.size(); ++i) {
    const LinearNode& linear = plan.linear_nodes[i];
    const auto group = static_cast<size_t>(linear.input_group);
    const std::optional<Window> window = WindowOf(graph, *linear.node, layers.weights[i]);
    if (!window.has_value() || plan.groups[group].bits != 8) continue;
    if (window->size() / layers.weights[i].groups > deepest) continue;
    Layer& layer = collected[i];
    layer.window = *window;
    layer.inputs.groups = layers.weights[i].groups;
    layer.inputs.depth = window->size() / layer.inputs.groups;
    layer.inputs.scale = quantization.activations[group].scale;
    layer.inputs.zero_point = quantization.activations[group].zero_point;
    const std::string& input = linear.node->input(0);
    if (const auto factors = layers.factors.find(input); factors != layers.factors.end()) {
      layer.factors = factors->second;
    }
    bytes += static_cast<double>(ColumnsFor(layer) * window->size());
    bytes_of_columns += static_cast<double>(window->size());
    if (readers[input].empty()) tensors.push_back(input);
    readers[input].push_back(i);
  }
  // At least one column of each sample is kept, so there cannot be any number of them.
  const auto most = static_cast<size_t>(static_cast<double>(kLargestBytes) / std::max(bytes_of_columns, 1.0));
  const size_t used = std::clamp<size_t>(most, 1, std::max<size_t>(num_samples, 1));
  const double share = std::min(1.0, static_cast<double>(kLargestBytes) / std::max(bytes, 1.0));
  for (Layer& layer : collected) {
    if (layer.inputs.depth == 0) continue;
    const double wanted = std::ceil(static_cast<double>(ColumnsFor(layer)) * share / static_cast<double>(used));
    layer.columns_of_sample = std::clamp<int64_t>(static_cast<int64_t>(wanted), 1, layer.window.positions());
    layer.inputs.numbers.resize(used * static_cast<size_t>(layer.columns_of_sample * layer.window.size()));
  }
  const auto load_used = [&](size_t sample) { return load(sample * num_samples / used); };
  RETURN_IF_ERROR(VisitTensors(model, tensors, used, load_used, options,
                               [&](size_t sample, size_t tensor, const TensorView& value) {
                                 for (const size_t reader : readers.at(tensors[tensor])) {
                                   collected[reader].Collect(value.values<float>(), sample);
                                 }
                               }));
  std::vector<LayerInputs> inputs;
  inputs.reserve(collected.size());
  for (Layer& layer : collected) inputs.push_back(std::move(layer.inputs));
  return inputs;
}

}  // namespace joinery::compiler
