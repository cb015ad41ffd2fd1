// Writes a quantization into the graph as standard QuantizeLinear and DequantizeLinear.
#pragma once

#include <vector>

#include "absl/status/status.h"
#include "compiler/ir/graph.h"
#include "compiler/quantization/plan.h"
#include "compiler/quantization/quantize.h"
#include "joinery/v1/build_configuration.pb.h"

namespace joinery::compiler {

// For each tensor T of a group:  X -> T        ⇒  X -> T_unquantized -> Quantize -> T_quantized -> Dequantize -> T
// so that T keeps its name and is what an 8-bit device would have there. A graph input keeps its name and type:
//                                T (input) -> X  ⇒  T -> Quantize -> T_quantized -> Dequantize -> T_dequantized -> X
// Weights and constants are stored as integers behind a DequantizeLinear, biases as int32 in units of input scale times
// weight scale.
//
//   parameters  one for each of the plan's groups
//
// Leaves the nodes in topological order. Errors: as FloatValues, naming the initializer.
absl::Status ApplyQuantization(Graph& graph, const QuantizationPlan& plan,
                               const std::vector<QuantizationParameters>& parameters,
                               v1::WeightGranularity granularity);

}  // namespace joinery::compiler
