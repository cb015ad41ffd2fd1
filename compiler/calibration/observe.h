// One pass over the calibration set that sees every activation.
#pragma once

#include <cstddef>
#include <functional>
#include <string>
#include <vector>

#include "absl/status/status.h"
#include "absl/status/statusor.h"
#include "compiler/calibration/histogram.h"
#include "compiler/ir/tensor.h"
#include "onnx/onnx_pb.h"

namespace joinery::compiler {

struct ObserveOptions {
  // Samples run at once, each on a thread of its own.
  int threads = 1;
  // Called after each sample with how many are done; one call at a time. An error ends the pass and is returned.
  std::function<absl::Status(size_t done)> on_progress;
};

// Runs `model` on samples 0 to num_samples - 1 and counts what values occur in the tensors of each group.
//
//   groups  names of float32 tensors of the model's main graph; a group's tensors are counted together
//   load    makes the feed of a sample, a tensor for each input of the model in their order; any thread may call it
//   returns one histogram for each group; the same whatever the number of threads
//
// Errors: those of loading the model, of `load`, and of running, the latter two those of the first sample that has one.
absl::StatusOr<std::vector<Histogram>> Observe(const onnx::ModelProto& model,
                                               const std::vector<std::vector<std::string>>& groups, size_t num_samples,
                                               const std::function<absl::StatusOr<std::vector<Tensor>>(size_t)>& load,
                                               const ObserveOptions& options);

}  // namespace joinery::compiler
