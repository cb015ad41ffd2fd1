// What the cost model knows of a network: its layers, as shapes. Also as a table, one line a layer, which is all that
// is kept of the published networks in tests/bench/cost_model.
#pragma once

#include <cstdint>
#include <string>
#include <vector>

#include "absl/status/statusor.h"
#include "absl/strings/string_view.h"
#include "compiler/ir/graph.h"

namespace joinery::compiler {

using Dimensions = std::vector<int64_t>;

// One operator and the activation function behind it, if nobody else reads what lies between: the NPU computes them in
// one go. QuantizeLinear and DequantizeLinear belong to no layer: they only say how many bits a tensor has.
struct LayerShape {
  // The operator's node; how messages call it if it has no name.
  std::string name;
  std::string op_type;
  // Operator type of the activation function, "Silu" for x * Sigmoid(x); empty if there is none.
  std::string activation;
  // Tensors computed by each input that is not constant; one whose shape is not known is empty.
  std::vector<Dimensions> inputs;
  // The first output.
  Dimensions output;
  // The largest constant operand with at least two dimensions, as the model has it; empty if there is none.
  Dimensions weights;
  // Of windows; empty if there are none.
  Dimensions kernel;
  int64_t group = 1;
  // Of the output and of the weights: 8, 16, or 32 for what stays float in a quantized model. A float model counts as
  // one that is quantized to 8 bits.
  int bits = 8;
  int weight_bits = 8;
  // Not on the NPU. Not part of the table.
  bool on_cpu = false;
  // Layers of one number run in one go. Not part of the table.
  int part = 0;
  // The first output of each node of the layer. Not part of the table.
  std::vector<std::string> tensors;
};

// The layers of a graph that was simplified, or that a .joint holds, in the order in which they are computed.
std::vector<LayerShape> ListLayers(Graph& graph);

// A head line and a line for each layer: name, op, activation, inputs, output, weights, kernel, group, bits,
// weight_bits, divided by tabs. Dimensions as 1x3x224x224, several inputs divided by commas, "-" for nothing.
std::string LayerTable(const std::vector<LayerShape>& layers);

// The opposite. kInvalidArgument names the line that is not one of a table.
absl::StatusOr<std::vector<LayerShape>> ParseLayerTable(absl::string_view text);

}  // namespace joinery::compiler
