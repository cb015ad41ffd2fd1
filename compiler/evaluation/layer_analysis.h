// Where a quantized model loses exactness, layer by layer.
#pragma once

#include <cstddef>
#include <functional>
#include <vector>

#include "absl/status/status.h"
#include "absl/status/statusor.h"
#include "compiler/execution/device.h"
#include "compiler/ir/tensor.h"
#include "joinery/v1/manifest.pb.h"
#include "onnx/onnx_pb.h"

namespace joinery::compiler {

struct LayerAnalysisOptions {
  // More give steadier figures; four show the same layers as a hundred.
  size_t num_samples = 4;
  int threads = 1;
  // Where the models run; null: on the CPU.
  Device* device = nullptr;
  // Find each layer's contribution by running the model with only that layer quantized, instead of estimating it. Costs
  // a forward pass for each layer and sample.
  bool measure_contributions = false;
};

// Runs both models on samples 0 to num_samples - 1 and fills in the layers of a Precision, how many samples they are
// from, and how the contributions were found.
//
//   float_model  computes what the quantized one should, with the same inputs, and with the same names for its tensors:
//                the model as it was right before it was quantized, after all that rescales channels. Shapes should be
//                inferred.
//   quantized    has QuantizeLinear and DequantizeLinear; from ApplyQuantization, or from anywhere else
//   load         makes the feed of a sample, a tensor for each input in their order; any thread may call it
//   returns      the same whatever the number of threads
//
// Memory does not depend on the number of samples: it holds three versions of the tensors of a part of the layers.
// Errors: those of loading the models, of `load` and of running; kInvalidArgument if the two models do not belong
// together.
absl::StatusOr<v1::Precision> AnalyzeLayers(const onnx::ModelProto& float_model, const onnx::ModelProto& quantized,
                                            const std::function<absl::StatusOr<std::vector<Tensor>>(size_t)>& load,
                                            const LayerAnalysisOptions& options);

}  // namespace joinery::compiler
