#include "compiler/calibration/observe.h"

#include <algorithm>
#include <atomic>
#include <map>
#include <memory>
#include <thread>
#include <utility>

#include "absl/base/thread_annotations.h"
#include "absl/synchronization/mutex.h"
#include "base/status.h"
#include "compiler/execution/executor.h"

namespace joinery::compiler {
namespace {

// `model` with exactly `tensors` as its outputs. Types are left to the runtime's own inference.
onnx::ModelProto WithOutputs(const onnx::ModelProto& model, const std::vector<std::string>& tensors) {
  onnx::ModelProto observed = model;
  observed.mutable_graph()->clear_output();
  for (const std::string& tensor : tensors) {
    onnx::ValueInfoProto* output = observed.mutable_graph()->add_output();
    output->set_name(tensor);
    output->mutable_type()->mutable_tensor_type()->set_elem_type(onnx::TensorProto::FLOAT);
  }
  return observed;
}

// Values of a tensor that are counted for each sample, about.
constexpr size_t kCountedValues = size_t{1} << 16;

// What the threads share besides the executor.
struct Shared {
  explicit Shared(size_t num_samples) : end(num_samples) {}

  std::atomic<size_t> next{0};
  // Samples from here on are not run: there are no more, or one that comes before them failed.
  std::atomic<size_t> end;
  absl::Mutex mutex;
  size_t done ABSL_GUARDED_BY(mutex) = 0;
  // Of the sample `end`, if there is one.
  absl::Status error ABSL_GUARDED_BY(mutex);

  void Fail(size_t sample, const absl::Status& status) {
    const absl::MutexLock lock(&mutex);
    if (!error.ok() && sample >= end) return;
    error = status;
    end = sample;
  }
};

// What the samples have that must be put together in their order, whatever the order in which they are run.
class InOrder {
 public:
  struct OfTensor {
    ChannelSums sums;
    Range extremes;
  };

  explicit InOrder(std::vector<TensorStatistics>& statistics) : statistics_(statistics) {}

  void Add(size_t sample, std::vector<OfTensor> tensors) {
    const absl::MutexLock lock(&mutex_);
    waiting_[sample] = std::move(tensors);
    for (auto first = waiting_.begin(); first != waiting_.end() && first->first == next_; ++next_) {
      for (size_t i = 0; i < statistics_.size(); ++i) {
        statistics_[i].sums.Add(first->second[i].sums);
        statistics_[i].samples.push_back(first->second[i].extremes);
      }
      first = waiting_.erase(first);
    }
  }

 private:
  std::vector<TensorStatistics>& statistics_;
  absl::Mutex mutex_;
  std::map<size_t, std::vector<OfTensor>> waiting_ ABSL_GUARDED_BY(mutex_);
  size_t next_ ABSL_GUARDED_BY(mutex_) = 0;
};

size_t NumThreads(size_t num_samples, const ObserveOptions& options) {
  return std::clamp<size_t>(static_cast<size_t>(std::max(options.threads, 1)), 1, num_samples + 1);
}

// Runs all samples, each on one of the threads, and calls `run` for each with the thread's number.
absl::Status RunSamples(size_t num_samples, const ObserveOptions& options,
                        const std::function<absl::Status(size_t thread, size_t sample)>& run) {
  Shared shared(num_samples);
  const auto work = [&](size_t thread) {
    for (size_t sample = shared.next++; sample < shared.end; sample = shared.next++) {
      if (const absl::Status status = run(thread, sample); !status.ok()) return shared.Fail(sample, status);
      const absl::MutexLock lock(&shared.mutex);
      ++shared.done;
      if (options.on_progress == nullptr) continue;
      if (const absl::Status status = options.on_progress(shared.done); !status.ok()) {
        shared.error = status;
        shared.end = 0;
      }
    }
  };
  std::vector<std::thread> threads;
  for (size_t i = 1; i < NumThreads(num_samples, options); ++i) threads.emplace_back(work, i);
  work(0);
  for (std::thread& thread : threads) thread.join();
  const absl::MutexLock lock(&shared.mutex);
  return shared.error;
}

std::vector<std::string> NamesOf(const std::vector<ObservedTensor>& tensors) {
  std::vector<std::string> names;
  names.reserve(tensors.size());
  for (const ObservedTensor& tensor : tensors) names.push_back(tensor.name);
  return names;
}

Range ExtremesOf(absl::Span<const float> values) {
  Range range;
  for (const float value : values) {
    range.min = value < range.min ? value : range.min;
    range.max = value > range.max ? value : range.max;
  }
  return range;
}

// Which channels a sample counts: every `turns`th, from `turn` on.
struct Turn {
  int64_t turn;
  int64_t turns;
};

// What is left to be put together in order.
InOrder::OfTensor Add(const TensorView& value, int channel_axis, const Turn& turn, TensorStatistics& statistics) {
  const auto values = value.values<float>();
  if (channel_axis < 0 || channel_axis >= static_cast<int>(value.shape.size())) {
    statistics.histogram.AddSparsely(values, std::max<size_t>(1, values.size() / kCountedValues));
    return {{}, ExtremesOf(values)};
  }
  int64_t outer = 1;
  int64_t inner = 1;
  for (size_t i = 0; i < value.shape.size(); ++i) {
    if (i < static_cast<size_t>(channel_axis)) outer *= value.shape[i];
    if (i > static_cast<size_t>(channel_axis)) inner *= value.shape[i];
  }
  const int64_t channels = value.shape[static_cast<size_t>(channel_axis)];
  if (statistics.channels.channels() == 0) statistics.channels = ChannelStatistics(channels);
  ChannelSums sums = statistics.channels.Add(values, outer, inner, turn.turn, turn.turns);
  const Range extremes{sums.min, sums.max};
  return {std::move(sums), extremes};
}

}  // namespace

absl::StatusOr<std::vector<TensorStatistics>> Observe(const onnx::ModelProto& model,
                                                      const std::vector<ObservedTensor>& tensors, size_t num_samples,
                                                      const LoadSampleFunction& load, const ObserveOptions& options) {
  std::vector<TensorStatistics> statistics(tensors.size());
  if (tensors.empty()) return statistics;
  ASSIGN_OR_RETURN(const std::unique_ptr<Executor> executor,
                   LoadOnnxRuntime(WithOutputs(model, NamesOf(tensors)), {.device = options.device}));

  const int64_t turns = std::max<int64_t>(1, static_cast<int64_t>(num_samples) / options.counted_samples);
  InOrder in_order(statistics);
  std::vector<std::vector<TensorStatistics>> partial(NumThreads(num_samples, options),
                                                     std::vector<TensorStatistics>(tensors.size()));
  const auto run = [&](size_t thread, size_t sample) -> absl::Status {
    ASSIGN_OR_RETURN(const std::vector<Tensor> feed, load(sample));
    const Turn turn{static_cast<int64_t>(sample) % turns, turns};
    std::vector<InOrder::OfTensor> ordered(tensors.size());
    RETURN_IF_ERROR(executor->Run(feed, [&](size_t output, const TensorView& value) {
      ordered[output] = Add(value, tensors[output].channel_axis, turn, partial[thread][output]);
    }));
    in_order.Add(sample, std::move(ordered));
    return absl::OkStatus();
  };
  RETURN_IF_ERROR(RunSamples(num_samples, options, run));
  for (const std::vector<TensorStatistics>& part : partial) {
    for (size_t i = 0; i < tensors.size(); ++i) {
      statistics[i].histogram.Merge(part[i].histogram);
      if (part[i].channels.channels() == 0) continue;
      if (statistics[i].channels.channels() == 0) {
        statistics[i].channels = part[i].channels;
      } else {
        statistics[i].channels.Merge(part[i].channels);
      }
    }
  }
  return statistics;
}

absl::Status VisitTensors(const onnx::ModelProto& model, const std::vector<std::string>& tensors, size_t num_samples,
                          const LoadSampleFunction& load, const ObserveOptions& options,
                          const std::function<void(size_t sample, size_t tensor, const TensorView& value)>& visit) {
  if (tensors.empty()) return absl::OkStatus();
  ASSIGN_OR_RETURN(const std::unique_ptr<Executor> executor,
                   LoadOnnxRuntime(WithOutputs(model, tensors), {.device = options.device}));
  return RunSamples(num_samples, options, [&](size_t /*thread*/, size_t sample) -> absl::Status {
    ASSIGN_OR_RETURN(const std::vector<Tensor> feed, load(sample));
    return executor->Run(feed, [&](size_t output, const TensorView& value) { visit(sample, output, value); });
  });
}

}  // namespace joinery::compiler
