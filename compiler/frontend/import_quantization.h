// Takes the quantization out of a model that has one, as quantization-aware training and other quantizers leave it.
#pragma once

#include "absl/status/statusor.h"
#include "compiler/ir/graph.h"
#include "compiler/ir/imported_quantization.h"

namespace joinery::compiler {

// Rewrites pairs of QuantizeLinear and DequantizeLinear, ONNX's or com.microsoft's, to the float graph that they stand
// for, and returns their numbers:
//
//   X -> Quantize -> [Clip ->] Dequantize -> Y       ⇒  X -> Y              and scale, zero point and type of X
//   integers -> Dequantize -> Y                      ⇒  their values -> Y   and, of 8 bits, the integers as weights
//   floats -> Quantize -> [Clip ->] Dequantize -> Y  ⇒  the same: weights rounded in training
//
// Where numbers end at zero behind an operator that makes negative values, or a Clip in between cuts them off, the
// float graph gets a Clip: the quantization stands for a Relu that was taken out. Weights are known by the output of a
// Transpose behind them, too. The values in the float graph are exactly those that DequantizeLinear computes. The name
// of an output of the graph moves to what is read instead.
//
// What has no such form is left in the graph and noted: 4-bit numbers, scales for blocks or for the channels of
// activations, scales that are not constant, a pair that does not agree about its numbers. The types of tensors need
// not be inferred; afterwards they are no longer.
//
// Errors: kInvalidArgument if a scale is not a positive number or the forms of scale and zero point do not fit;
// kUnimplemented if an operator of com.microsoft has to be left. Both name the node.
absl::StatusOr<ImportedQuantization> ImportQuantization(Graph& graph);

// While a graph is simplified, tensors with imported numbers must neither go nor get other values. This makes them
// outputs of the graph, which every pass keeps as they are.
class PinnedTensors {
 public:
  PinnedTensors(Graph& graph, const ImportedQuantization& quantization);
  // The outputs are again those they were. The graph must still exist.
  ~PinnedTensors();

  PinnedTensors(const PinnedTensors&) = delete;
  PinnedTensors& operator=(const PinnedTensors&) = delete;

 private:
  Graph& graph_;
  int num_outputs_;
};

}  // namespace joinery::compiler
