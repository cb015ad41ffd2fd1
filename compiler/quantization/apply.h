// Writes a quantization into the graph as standard QuantizeLinear and DequantizeLinear.
#pragma once

#include "absl/status/status.h"
#include "compiler/ir/graph.h"
#include "compiler/quantization/plan.h"
#include "compiler/quantization/quantization.h"

namespace joinery::compiler {

// For each tensor T of a group:  X -> T        ⇒  X -> T_unquantized -> Quantize -> T_quantized -> Dequantize -> T
// so that T keeps its name and is what an 8-bit device would have there. A graph input keeps its name and type:
//                                T (input) -> X  ⇒  T -> Quantize -> T_quantized -> Dequantize -> T_dequantized -> X
// Weights and constants are stored as integers behind a DequantizeLinear, biases as int32 in units of input scale times
// weight scale; a layer without a bias gets one if `quantization` has it. Activations are uint8, or uint16 in groups of
// 16 bits: the model then has opset 21 at the least, which has it.
//
// Leaves the nodes in topological order. Errors: as FloatValues, naming the initializer; those of raising the opset.
absl::Status ApplyQuantization(Graph& graph, const QuantizationPlan& plan, const Quantization& quantization);

}  // namespace joinery::compiler
