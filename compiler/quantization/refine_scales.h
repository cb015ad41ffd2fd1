// Widens or narrows the ranges of activations where the network's outputs come nearer to the float network's.
#pragma once

#include <cstddef>

#include "absl/status/statusor.h"
#include "compiler/calibration/observe.h"
#include "compiler/ir/graph.h"
#include "compiler/quantization/plan.h"
#include "compiler/quantization/quantization.h"

namespace joinery::compiler {

// Tries for each of the plan's groups of 8 bits, in the order in which the network makes them, some multiples of its
// scale, the zero point as it is, and counts the squared error of all float outputs, each in relation to its size. The
// best multiple on one half of the samples is kept if it also makes the error of the other half clearly less, which
// took no part in the choice. Pixels that are taken exactly stay so.
//
//   graph    the rewritten float network that the plan is for, its nodes in topological order; not changed
//   load     makes the feed of samples 0 to num_samples - 1; any thread may call it. At most 32 of these are run,
//            spread evenly, and no more than are held in about 100 MB: a group costs a run from there to the outputs
//            for each of the first of them and each multiple.
//
// Returns how many scales were changed; with fewer than 4 samples none is. options.on_progress is told how many groups
// are done; an error ends the work and is returned. The same whatever the number of threads. Errors: those of loading
// parts of the networks, of `load` and of running.
//
// Source: Wu et al. 2020, "EasyQuant: Post-training Quantization via Scale Optimization" (arXiv:2006.16669), with the
// network's outputs in place of the layer's.
absl::StatusOr<int> RefineScales(Graph& graph, const QuantizationPlan& plan, size_t num_samples,
                                 const LoadSampleFunction& load, const ObserveOptions& options,
                                 Quantization& quantization);

}  // namespace joinery::compiler
