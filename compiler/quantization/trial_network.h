// A copy of the network in 8 bits, for algorithms that ask what it computes before the artifact is made.
#pragma once

#include <cstddef>
#include <string>
#include <vector>

#include "absl/status/statusor.h"
#include "compiler/ir/graph.h"
#include "compiler/quantization/plan.h"
#include "compiler/quantization/quantization.h"
#include "onnx/onnx_pb.h"

namespace joinery::compiler {

struct TrialNetwork {
  // Its nodes are in topological order.
  onnx::ModelProto model;
  // What each of the plan's linear nodes makes, before an activation behind it and before it is rounded.
  std::vector<std::string> linear_outputs;
  // The initializers that hold the scales, and the zero points, of each of the plan's groups.
  std::vector<std::vector<std::string>> scales;
  std::vector<std::vector<std::string>> zero_points;
};

// `graph` stays as it is, and so does the plan, whose nodes are the graph's. Errors: as ApplyQuantization.
absl::StatusOr<TrialNetwork> MakeTrialNetwork(Graph& graph, const QuantizationPlan& plan,
                                              const Quantization& quantization);

// How many of `num_samples` samples an algorithm may hold the activations of at once: as many as fit 100 MB if one
// tensor of each is held, the largest that a linear layer makes, at least 2 and at most `most`.
size_t SamplesToHold(Graph& graph, const QuantizationPlan& plan, size_t num_samples, size_t most);

}  // namespace joinery::compiler
