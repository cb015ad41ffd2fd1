// Takes the mean of the error out of every layer's output, one layer after the other.
#pragma once

#include <cstddef>

#include "absl/status/status.h"
#include "compiler/calibration/observe.h"
#include "compiler/ir/graph.h"
#include "compiler/quantization/linear_weights.h"
#include "compiler/quantization/plan.h"
#include "compiler/quantization/quantization.h"

namespace joinery::compiler {

// Adds to the bias of each linear layer, for each output channel, the mean of its output in the float network less that
// in the quantized one, all of whose layers before it are corrected already: what weights, activations and saturation
// shift is made up for. MatMul has no place for a bias and stays as it is.
//
//   graph    the rewritten float network that the plan is for, its nodes in topological order; not changed
//   weights  of the plan's linear nodes
//   load     makes the feed of samples 0 to num_samples - 1; any thread may call it. Of these as many are run as are
//            held in about 100 MB, spread evenly: each layer runs once on all of them.
//
// options.on_progress is told how many layers are done; an error ends the work and is returned. The same whatever the
// number of threads. Errors: those of loading parts of the networks, of `load` and of running.
//
// Source: Nagel et al. 2019, "Data-Free Quantization Through Weight Equalization and Bias Correction"
// (arXiv:1906.04721), appendix D, empirical bias correction.
absl::Status CorrectBiasSequentially(Graph& graph, const QuantizationPlan& plan,
                                     const std::vector<LinearWeights>& weights, size_t num_samples,
                                     const LoadSampleFunction& load, const ObserveOptions& options,
                                     Quantization& quantization);

}  // namespace joinery::compiler
