// Puts the numbers that a model brought along in place of those that were found here.
#pragma once

#include <string>
#include <vector>

#include "absl/status/status.h"
#include "compiler/ir/graph.h"
#include "compiler/ir/imported_quantization.h"
#include "compiler/quantization/plan.h"
#include "compiler/quantization/quantization.h"

namespace joinery::compiler {

// Makes room in `plan` for the imported scales, before anything is observed: 16 bits for groups whose scales have them,
// and a group of its own for each scale of tensors that would share one. What only moves values between these then
// rounds anew, as it does in the model; `notes` says where.
void FitPlan(const ImportedQuantization& imported, Graph& graph, QuantizationPlan& plan,
             std::vector<std::string>& notes);

// Replaces in `quantization`, which has numbers for all of the plan, those for which the model has its own: scales and
// zero points of activations, integers and scales of weights, all untouched. Call it last, and let nothing before it
// change the graph's weights: where they are no longer the imported integers times a factor for each channel, those of
// `quantization` stay. The biases of layers with imported weights are the graph's, without corrections.
//
// `notes` gets, for people, how much was taken, what was completed here, and every conflict: scales of fewer bits than
// the configuration asks for, scales of tensors that are not quantized, weights in a form that has no place here.
// Errors: those of reading the graph's weights.
absl::Status TakeImported(const ImportedQuantization& imported, const QuantizationPlan& plan, Graph& graph,
                          Quantization& quantization, std::vector<std::string>& notes);

}  // namespace joinery::compiler
