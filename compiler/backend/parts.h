// The parts of a model: nodes that run together on one device. Each node says in which it is.
#pragma once

#include <string>
#include <vector>

#include "absl/status/status.h"
#include "absl/status/statusor.h"
#include "absl/strings/string_view.h"
#include "compiler/ir/graph.h"
#include "joinery/v1/manifest.pb.h"
#include "onnx/onnx_pb.h"

namespace joinery::compiler {

// The name of the part that runs the node, its metadata property "joinery.part"; empty if it does not say.
absl::string_view PartOf(const onnx::NodeProto& node);
// No part: it does not say any more.
void SetPart(onnx::NodeProto* node, absl::string_view part);

// What a part needs and gives.
struct PartTensors {
  std::string name;
  int nodes = 0;
  // That come in: inputs of the graph, and what other parts make. In the order in which they are there.
  std::vector<std::string> inputs;
  // That other parts read, or that are outputs of the graph. In the order in which the part makes them.
  std::vector<std::string> outputs;
};

// The model's parts in an order in which they can run; parts that need each other's tensors come last. Nodes that do
// not say where they are make no part.
std::vector<PartTensors> PartsOf(Graph& graph);

// The nodes of one part as a plain ONNX model: its inputs and outputs are those of PartTensors, names, opset and
// constants those of `model`. Run one after the other, each fed what those before it gave, the parts compute what the
// model computes.
// Errors: kInvalidArgument for a part that the model has not, naming those it has, and if the type of a tensor between
// parts is unknown.
absl::StatusOr<onnx::ModelProto> ExtractPart(const onnx::ModelProto& model, const std::string& part);

// The nodes that make `outputs` from `inputs` as a plain ONNX model. No inputs: from those of the model. An input that
// no output depends on is left out; one with a default value is a constant.
// Errors: kInvalidArgument if the model has no such tensor, if an output depends on an input of the model for which
// `inputs`, not empty, do not stand, or if a type is unknown.
absl::StatusOr<onnx::ModelProto> ExtractBetween(const onnx::ModelProto& model, const std::vector<std::string>& inputs,
                                                const std::vector<std::string>& outputs);

// Name, device, nodes and tensors of every part, as the manifest has them, with types and shapes as far as the graph
// knows them.
std::vector<v1::Part> DescribeParts(Graph& graph);

// The same with the types and shapes of all tensors.
// Errors: those of inferring shapes.
absl::StatusOr<std::vector<v1::Part>> DescribeParts(const onnx::ModelProto& model);

}  // namespace joinery::compiler
