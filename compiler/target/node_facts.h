// What a rule asks about a node: attributes with their defaults, pads, groups, values of constants.
#pragma once

#include <cstdint>
#include <optional>
#include <string>
#include <vector>

#include "absl/strings/string_view.h"
#include "compiler/ir/graph.h"
#include "onnx/onnx_pb.h"

namespace joinery::compiler {

// The node's attribute, or the default that its operator has in the graph's opset; nullopt if there is neither.
std::optional<onnx::AttributeProto> AttributeOrDefault(const Graph& graph, const onnx::NodeProto& node,
                                                       absl::string_view name);

// Whether both say the same.
bool SameValue(const onnx::AttributeProto& left, const onnx::AttributeProto& right);

// "[1, 2]", "3", "SAME_UPPER", "0.5".
std::string FormatValue(const onnx::AttributeProto& attribute);

// Whether a window of the node reaches beyond its input: pads that are not 0, or an auto_pad that may add some.
bool Pads(const onnx::NodeProto& node);

// 1 where the operator has no groups.
int64_t Groups(const onnx::NodeProto& node);

// The constant that the node reads as its input `index`, or null.
const onnx::TensorProto* ConstantInput(Graph& graph, const onnx::NodeProto& node, int index);

// The elements of the constant as numbers, at most `most` of them; nullopt for types that are not numbers, and for
// more.
std::optional<std::vector<double>> SmallConstant(const onnx::TensorProto& tensor, int64_t most);

// The name of the tensor that is input or output `index`; empty if the node has none there.
std::string TensorAt(const onnx::NodeProto& node, int index, bool of_output);

// "1x3x224x224".
std::string FormatShape(const std::vector<int64_t>& shape);

}  // namespace joinery::compiler
