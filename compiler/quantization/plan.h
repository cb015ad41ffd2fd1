// What of a graph becomes 8-bit, and which tensors must share a scale.
#pragma once

#include <functional>
#include <string>
#include <unordered_map>
#include <unordered_set>
#include <vector>

#include "absl/types/span.h"
#include "compiler/ir/graph.h"
#include "compiler/quantization/operators.h"
#include "joinery/v1/build_configuration.pb.h"
#include "joinery/v1/manifest.pb.h"

namespace joinery::compiler {

// Tensors that have one scale and zero point, because an operator moves values between them unchanged.
struct ActivationGroup {
  // Computed while the model runs.
  std::vector<std::string> tensors;
  // Initializers that are operands like any other.
  std::vector<std::string> constants;
  // 8, or 16 if an operator that computes asks for it and reads or writes one of the tensors.
  int bits = 8;
};

struct LinearNode {
  onnx::NodeProto* node;
  LinearForm form;
  // Group of its input.
  int input_group;
};

struct QuantizationPlan {
  // In the order in which the graph makes their first tensors.
  std::vector<ActivationGroup> groups;
  std::vector<LinearNode> linear_nodes;
  // Nodes that have float inputs or outputs and keep them.
  std::vector<v1::FloatNode> float_nodes;
  // Nodes that compute in 8 bits, or move 8-bit values.
  std::vector<const onnx::NodeProto*> quantized_nodes;
  // Nodes that run on the CPU. What they make is quantized only for those that are not; for each other, and as outputs
  // of the graph, it stays as it is.
  std::unordered_set<const onnx::NodeProto*> cpu_nodes;
};

// By what the node makes (MadeBy): it runs on the CPU and stays float, and why.
using CpuNodes = std::unordered_map<std::string, std::string>;

// The first tensor that a node makes, by which it is found again in a copy of the graph; empty if it makes none.
std::string MadeBy(const onnx::NodeProto& node);

// The number format that is asked for a node; UNSPECIFIED means 8 bits. Not called for nodes that are left out.
using BitsOfNode = std::function<v1::LayerBits(const onnx::NodeProto&)>;

// Decides for every node of the graph, whose types and shapes must be inferred. An operator with an 8-bit form gets it;
// one that only moves values follows its neighbours. A tensor between an operator and the Relu or Clip that alone reads
// it is not quantized: the activation's range does the clipping. Takes time linear in the size of the graph without its
// weights.
//
//   left_out  nodes that are not part of the network, such as the preprocessing
//   bits_of   empty: 8 bits for all. With 16 bits only activations become wider; weights keep 8.
//   on_cpu    nodes that no NPU runs
QuantizationPlan PlanQuantization(Graph& graph, absl::Span<const onnx::NodeProto* const> left_out,
                                  const BitsOfNode& bits_of = {}, const CpuNodes& on_cpu = {});

}  // namespace joinery::compiler
