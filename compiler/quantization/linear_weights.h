// The float weights of linear operators, and which channels each of them connects.
#pragma once

#include <cstdint>
#include <optional>
#include <vector>

#include "absl/status/statusor.h"
#include "compiler/ir/graph.h"
#include "compiler/quantization/plan.h"

namespace joinery::compiler {

// Weights as [outer, middle, taps], of which one of the first two dimensions is output channels and the other input
// channels; with groups, those of one group in the middle.
struct LinearWeights {
  std::vector<int64_t> shape;
  std::vector<float> values;
  // One for each output channel; empty if the operator adds nothing.
  std::vector<float> bias;

  // Channels of the operator's output and input. 0 outputs: the weights have another form (a stack of matrices), and
  // nothing but their values is known.
  int64_t outputs = 0;
  int64_t inputs = 0;
  int64_t groups = 1;
  // Input channels come first (ConvTranspose, MatMul).
  bool input_first = false;

  int64_t outer() const { return input_first ? inputs : outputs; }
  int64_t middle() const { return (input_first ? outputs : inputs) / groups; }
  int64_t taps() const { return outer() == 0 ? 0 : static_cast<int64_t>(values.size()) / outer() / middle(); }
  bool is_depthwise() const { return groups > 1 && groups == inputs && groups == outputs; }
};

// Calls visit(index, output channel, input channel) for each weight.
template <typename Visit>
void ForEachWeight(const LinearWeights& weights, const Visit& visit) {
  const int64_t middle = weights.middle();
  const int64_t taps = weights.taps();
  const int64_t outer_of_group = weights.outer() / weights.groups;
  size_t index = 0;
  for (int64_t o = 0; o < weights.outer(); ++o) {
    const int64_t first = o / outer_of_group * middle;
    for (int64_t m = first; m < first + middle; ++m) {
      const auto output = static_cast<size_t>(weights.input_first ? m : o);
      const auto input = static_cast<size_t>(weights.input_first ? o : m);
      for (int64_t tap = 0; tap < taps; ++tap) visit(index++, output, input);
    }
  }
}

// The weights of all linear nodes of the plan, in their order. Errors: those of reading constants.
absl::StatusOr<std::vector<LinearWeights>> LoadLinearWeights(Graph& graph, const QuantizationPlan& plan);

// The dimension of the node's input that is its input channels: 1 for convolutions and Gemm, the last for MatMul.
// -1 if the input's shape is not known.
int InputChannelAxis(Graph& graph, const onnx::NodeProto& node);

}  // namespace joinery::compiler
