// Where a camera's bytes can be the quantized input themselves, no rounding and no arithmetic stands before the
// network.
#pragma once

#include <optional>

#include "absl/status/statusor.h"
#include "compiler/ir/graph.h"
#include "compiler/quantization/plan.h"
#include "compiler/quantization/quantize.h"

namespace joinery::compiler {

// The parameters under which quantizing gives back the bytes of a graph input, if one of the tensors is
//
//   input (uint8) -> Cast -> [Mul] -> [Add] -> [Transpose, Gather] -> tensor
//
// with one factor for all channels and a term that is a whole number of pixel values (mean 127, standard deviation
// 128). Nullopt otherwise: channels of different means have no zero point in common.
std::optional<QuantizationParameters> PixelParameters(Graph& graph, const ActivationGroup& group);

// Takes out what computes the bytes again, after quantization:
//
//   input -> Cast -> Mul -> Add -> Transpose -> QuantizeLinear -> q   ⇒   input -> Transpose -> q
//
// Only where each of the 256 bytes comes out as itself, in the arithmetic of these operators. Returns how many
// QuantizeLinear it took out; leaves the nodes in topological order.
absl::StatusOr<int> RemoveIdentityPreprocessing(Graph& graph);

}  // namespace joinery::compiler
