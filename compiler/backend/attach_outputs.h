// Puts into the graph what makes the artifact's outputs of the network's.
#pragma once

#include <string>
#include <vector>

#include "absl/status/statusor.h"
#include "compiler/ir/graph.h"
#include "joinery/v1/build_configuration.pb.h"
#include "joinery/v1/manifest.pb.h"

namespace joinery::compiler {

// For each configured output T:
//   X -> T   ⇒   X -> T_native -> Mul -> Add -> Transpose -> T
// of which only what is needed is added. A configuration without a name is for all outputs that have none of their own;
// a permutation for a layout (NHWC, NCHW) is for outputs of rank 4 alone.
//
// Returns the nodes that were added; they are not part of the network and are not to be quantized.
// Errors: kInvalidArgument if the model has no such output, or the permutation is not of its rank.
absl::StatusOr<std::vector<const onnx::NodeProto*>> AttachOutputs(Graph& graph,
                                                                  const v1::BuildConfiguration& configuration);

// Makes whole numbers of outputs that are to be such, once the graph is quantized:
//   X -> T   ⇒   X -> T_real -> Mul -> Round -> Add -> Clip -> Cast -> T
// by the quantization_value or, where that is 0, by the scale with which the network itself gives the output.
// `outputs`, in the graph's order, get scale and zero point. Errors: kInvalidArgument, naming the output, if it is not
// float32, or has no scale and is given none.
absl::Status QuantizeOutputs(Graph& graph, const v1::BuildConfiguration& configuration,
                             google::protobuf::RepeatedPtrField<v1::TensorInfo>& outputs);

// "NHWC" or "NCHW" where the configuration permutes the output to it, else "NATIVE".
std::string OutputLayout(const v1::BuildConfiguration& configuration, const onnx::ValueInfoProto& output);

}  // namespace joinery::compiler
