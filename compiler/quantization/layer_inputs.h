// What linear layers are fed while the network runs in 8 bits: columns of their inputs, a few of each sample.
#pragma once

#include <cstdint>
#include <vector>

#include "absl/status/statusor.h"
#include "compiler/calibration/observe.h"
#include "compiler/ir/graph.h"
#include "compiler/quantization/float_layers.h"
#include "compiler/quantization/plan.h"
#include "compiler/quantization/quantization.h"
#include "onnx/onnx_pb.h"

namespace joinery::compiler {

// Every column is what makes one value of each output channel: groups * depth() numbers, those of a group in the order
// of its weights (input channel, row, column).
struct LayerInputs {
  int64_t groups = 1;
  // Numbers that one output channel reads.
  int64_t depth = 0;
  // [columns, groups, depth], real = (number - zero_point) * scale.
  std::vector<uint8_t> numbers;
  float scale = 1;
  int32_t zero_point = 0;

  int64_t columns() const { return depth == 0 ? 0 : static_cast<int64_t>(numbers.size()) / groups / depth; }
};

// Runs `model`, the float network as it was observed, and quantizes the inputs of its linear layers by the scales of
// `quantization` after multiplying them by `layers.factors`. A layer deeper than `deepest`, or one that has no columns
// of this kind (ConvTranspose, 16-bit inputs, three-dimensional convolutions, stacks of matrices, unknown shapes) has
// none. Takes at most about 75 MB, whatever the number of samples.
//
// Returns one for each of the plan's linear nodes, the same whatever the number of threads. Errors: as Observe.
absl::StatusOr<std::vector<LayerInputs>> CollectLayerInputs(const onnx::ModelProto& model, Graph& graph,
                                                            const QuantizationPlan& plan, const FloatLayers& layers,
                                                            const Quantization& quantization, int64_t deepest,
                                                            size_t num_samples, const LoadSampleFunction& load,
                                                            const ObserveOptions& options);

}  // namespace joinery::compiler
