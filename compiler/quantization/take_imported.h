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

// What `configured` says (it may be empty), and 16 bits for nodes that make a tensor with an imported scale of 16 bits.
// `imported` must outlive the result.
BitsOfNode BitsOfImported(const ImportedQuantization& imported, BitsOfNode configured);

// Replaces in `quantization`, which has numbers for all of the plan, those for which the model has its own: scales and
// zero points of activations, integers and scales of weights, all untouched. Call it last, and let nothing before it
// change the graph's weights: where they are no longer the imported integers times a factor for each channel, those of
// `quantization` stay. The biases of layers with imported weights are the graph's, without corrections.
//
// `notes` gets, for people, how much was taken, what was completed here, and every conflict: different scales within a
// group that must have one (the widest range is taken), scales of other bits than the configuration asks for, weights
// in a form that has no place here.
// Errors: those of reading the graph's weights.
absl::Status TakeImported(const ImportedQuantization& imported, const QuantizationPlan& plan, Graph& graph,
                          Quantization& quantization, std::vector<std::string>& notes);

}  // namespace joinery::compiler
