// Questions that passes ask when they look for an operator that is spelled out in others. Tensors are named.
#pragma once

#include <array>
#include <optional>
#include <string>
#include <vector>

#include "absl/types/span.h"
#include "compiler/ir/graph.h"

namespace joinery::compiler {

// The node that writes `tensor` if it is of that type, or null.
onnx::NodeProto* ProducerOfType(Graph& graph, const std::string& tensor, absl::string_view op_type);

// The only reader of `tensor`, or null if there are several or the tensor is an output of the graph.
onnx::NodeProto* OnlyReader(Graph& graph, const std::string& tensor);

// The value of a float32 constant of one element.
std::optional<double> ScalarValue(Graph& graph, const std::string& tensor);

// Whether the numbers are equal but for the rounding of float32 constants.
bool IsAbout(double value, double expected);

// p[0] + p[1] x + p[2] x^2 + p[3] x^3
using Cubic = std::array<double, 4>;

// `tensor` as a polynomial of `x`, if Add, Sub, Mul, Div and Pow by constants compute it from nothing but `x`, and its
// degree is at most 3.
std::optional<Cubic> AsCubic(Graph& graph, const std::string& tensor, const std::string& x);

// A product of tensors and constants.
struct Product {
  double constant = 1;
  std::vector<std::string> factors;
};

// What a Mul or Div multiplies, seen through the Muls and Divs before it; nothing if it is another operator, or more
// than eight factors.
std::optional<Product> AsProduct(Graph& graph, const onnx::NodeProto& node);

struct Bounds {
  double low;
  double high;
};

// What a Clip or Relu cuts off, infinity where nothing; nothing if it is another operator or its bounds are computed.
std::optional<Bounds> ClipBounds(Graph& graph, const onnx::NodeProto& node);

// Turns a node into another operator without attributes; its name and outputs stay. Call Graph::Invalidate afterwards.
void Rewrite(onnx::NodeProto* node, absl::string_view op_type, absl::Span<const std::string> inputs);

void SetFloatAttribute(onnx::NodeProto* node, absl::string_view name, float value);

}  // namespace joinery::compiler
