// What a model's outputs lose if only one layer is quantized.
#pragma once

#include <cstddef>
#include <functional>
#include <vector>

#include "absl/status/statusor.h"
#include "absl/types/span.h"
#include "compiler/evaluation/pair_layers.h"
#include "compiler/execution/device.h"
#include "compiler/ir/graph.h"
#include "compiler/ir/tensor.h"

namespace joinery::compiler {

struct MeasuredLayer {
  // As an index into the layers.
  size_t layer;
  // Energy of the error over the energy of the float model's output, the mean over the float32 outputs.
  double relative_energy;
};

// For each of the layers `wanted` (which must be quantized) runs the model on samples 0 to num_samples - 1, with this
// layer as the quantized model has it, reading float values, and all others as the float model has them.
//
// It runs on `device`; null: on the CPU. One session serves all: every such layer becomes an If that chooses between
// its two versions. The same whatever the number of threads. Errors: those of loading, of `load` and of running.
absl::StatusOr<std::vector<MeasuredLayer>> MeasureLayers(
    Graph& float_graph, Graph& quantized_graph, absl::Span<const LayerPair> layers, absl::Span<const size_t> wanted,
    size_t num_samples, int threads, Device* device,
    const std::function<absl::StatusOr<std::vector<Tensor>>(size_t)>& load);

}  // namespace joinery::compiler
