// One pass over the calibration set that sees every activation.
#pragma once

#include <cstddef>
#include <functional>
#include <string>
#include <vector>

#include "absl/status/status.h"
#include "absl/status/statusor.h"
#include "compiler/calibration/channel_statistics.h"
#include "compiler/calibration/histogram.h"
#include "compiler/calibration/range.h"
#include "compiler/execution/executor.h"
#include "compiler/ir/tensor.h"
#include "onnx/onnx_pb.h"

namespace joinery::compiler {

// A float32 tensor of a model's main graph.
struct ObservedTensor {
  std::string name;
  // The dimension whose indices are channels, to be told apart; -1: none.
  int channel_axis = -1;
};

struct TensorStatistics {
  // Of all values of a tensor without channels; large tensors are counted in part, their extremes are exact.
  Histogram histogram;
  // Of a tensor with channels.
  ChannelStatistics channels;
  ChannelSums sums;
  // The extremes of each sample, in their order.
  std::vector<Range> samples;

  // Values that are NaN or infinite.
  int64_t not_finite() const { return histogram.not_finite() + channels.not_finite(); }
};

struct ObserveOptions {
  // Samples run at once, each on a thread of its own.
  int threads = 1;
  // Where the model runs; null: on the CPU.
  Device* device = nullptr;
  // Of which the distribution of a channel is counted, about; its extremes and sums are those of all samples.
  int64_t counted_samples = 32;
  // Called after each sample with how many are done; one call at a time. An error ends the pass and is returned.
  std::function<absl::Status(size_t done)> on_progress;
};

// Loads a sample: a tensor for each input of the model, in their order. Any thread may call it.
using LoadSampleFunction = std::function<absl::StatusOr<std::vector<Tensor>>(size_t sample)>;

// Runs `model` on samples 0 to num_samples - 1 and collects what values occur in each of `tensors`.
// Returns one for each of `tensors`, the same whatever the number of threads. Memory does not grow with the number of
// samples but for TensorStatistics.samples.
//
// Errors: those of loading the model, of `load`, and of running, the latter two those of the first sample that has one.
absl::StatusOr<std::vector<TensorStatistics>> Observe(const onnx::ModelProto& model,
                                                      const std::vector<ObservedTensor>& tensors, size_t num_samples,
                                                      const LoadSampleFunction& load, const ObserveOptions& options);

// Runs `model` on samples 0 to num_samples - 1 and shows `visit` each of `tensors` (by number) of each sample. Samples
// run on options.threads threads; `visit` is called from any of them.
// Errors: as Observe.
absl::Status VisitTensors(const onnx::ModelProto& model, const std::vector<std::string>& tensors, size_t num_samples,
                          const LoadSampleFunction& load, const ObserveOptions& options,
                          const std::function<void(size_t sample, size_t tensor, const TensorView& value)>& visit);

}  // namespace joinery::compiler
