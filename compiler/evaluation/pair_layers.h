// Which tensors of a float model and of the quantized model made from it correspond, and what lies between them.
#pragma once

#include <optional>
#include <string>
#include <vector>

#include "compiler/ir/graph.h"

namespace joinery::compiler {

// How the values of a quantized activation are stored.
struct ActivationFormat {
  int bits = 8;
  // 0 if there is a scale for each channel.
  float scale = 0;
  int32_t zero_point = 0;
  // The smallest and the largest value it holds; both 0 if there is a scale for each channel.
  float low = 0;
  float high = 0;
};

// A tensor that is quantized, and the operators that make it from other such tensors. Or an output that stays float.
struct LayerPair {
  // See LayerPrecision in manifest.proto.
  std::string name;
  std::string op_type;
  // In the float model.
  std::string tensor;
  // What later operators read in the quantized model; `tensor` itself where it stays float.
  std::string dequantized;
  // Earlier layers whose tensors this one reads, each once, as indices, in the order of its operands.
  std::vector<size_t> inputs;
  // Not set for what stays float.
  std::optional<ActivationFormat> format;
  // Constant weights of the layer, in the float model; empty if it has none.
  std::string weights;
  // The dimension of the weights that is the output's channels.
  int weight_axis = 0;
  // 0 if they are not quantized.
  int weight_bits = 0;
  // Whether dimension 1 of the tensor is channels.
  bool has_channels = false;
};

// Pairs by name: a DequantizeLinear behind a QuantizeLinear belongs to the float tensor that has the name of its
// output, or else to the one that QuantizeLinear reads. It does not matter who quantized the model. Float32 outputs of
// the float model are always layers. In topological order.
std::vector<LayerPair> PairLayers(Graph& float_graph, Graph& quantized_graph);

}  // namespace joinery::compiler
