// Which operators have an 8-bit form, and what it asks for. To add one, add a row in operators.cc.
#pragma once

#include <optional>
#include <string>
#include <vector>

#include "compiler/ir/graph.h"

namespace joinery::compiler {

enum class OperatorRole {
  // Multiplies its input by constant weights and adds a constant bias: Conv and its like.
  kLinear,
  // Computes in 8 bits, with scales of its own for each input and output.
  kCompute,
  // Moves or picks values: its output has the scale of its input.
  kPassThrough,
  // As kCompute, but only between other operators that compute, where no 8-bit number is made of its result.
  kInside,
};

struct OperatorRule {
  std::string op_type;
  OperatorRole role;
  // The inputs that are activations; the others stay as they are. Empty: all inputs.
  std::vector<int> data_inputs;
  // Each value of the output depends on the values at the same place only.
  bool is_pointwise = false;
};

// Null if the operator stays float.
const OperatorRule* FindOperatorRule(const onnx::NodeProto& node);

// Why this node, whose operator has a rule, stays float all the same; empty if nothing speaks against 8 bits. Linear
// operators are judged by FindLinearForm.
std::string FindObstacle(Graph& graph, const onnx::NodeProto& node);

// Whether the node maps numbers to numbers, the same way at all places: an operator on its data inputs and on constants
// of one value. Where it has one data input it is a table of 256 values to an 8-bit device.
bool IsPointwise(Graph& graph, const onnx::NodeProto& node);

// Whether the tensor is a constant of one value.
bool IsScalarConstant(Graph& graph, const std::string& tensor);

// Where a linear operator has its weights.
struct LinearForm {
  std::string weights;
  // The dimension of the weights that is the output's channels; -1 if there is one scale only.
  int channel_axis = -1;
  // Empty if it has none.
  std::string bias;
};

// Null if the node's weights or bias are no constants, or its form has no 8-bit counterpart; `reason` then says so.
std::optional<LinearForm> FindLinearForm(Graph& graph, const onnx::NodeProto& node, std::string* reason);

// Whether the node only cuts off values, so that a quantization of its output can do its work and the tensor in between
// needs no scale of its own: Relu, and Clip with constant bounds.
bool IsClipping(Graph& graph, const onnx::NodeProto& node);

}  // namespace joinery::compiler
