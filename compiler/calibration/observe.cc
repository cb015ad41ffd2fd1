#include "compiler/calibration/observe.h"

#include <algorithm>
#include <atomic>
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

}  // namespace

absl::StatusOr<std::vector<Histogram>> Observe(const onnx::ModelProto& model,
                                               const std::vector<std::vector<std::string>>& groups, size_t num_samples,
                                               const std::function<absl::StatusOr<std::vector<Tensor>>(size_t)>& load,
                                               const ObserveOptions& options) {
  std::vector<std::string> tensors;
  std::vector<size_t> group_of_output;
  for (size_t group = 0; group < groups.size(); ++group) {
    for (const std::string& tensor : groups[group]) {
      tensors.push_back(tensor);
      group_of_output.push_back(group);
    }
  }
  std::vector<Histogram> histograms(groups.size());
  if (tensors.empty()) return histograms;
  ASSIGN_OR_RETURN(const std::unique_ptr<Executor> executor, LoadOnnxRuntime(WithOutputs(model, tensors), {}));

  Shared shared(num_samples);
  const auto work = [&](std::vector<Histogram>& own) {
    for (size_t sample = shared.next++; sample < shared.end; sample = shared.next++) {
      const absl::StatusOr<std::vector<Tensor>> feed = load(sample);
      if (!feed.ok()) return shared.Fail(sample, feed.status());
      const absl::Status run = executor->Run(*feed, [&](size_t output, const TensorView& value) {
        own[group_of_output[output]].Add(value.values<float>());
      });
      if (!run.ok()) return shared.Fail(sample, run);
      const absl::MutexLock lock(&shared.mutex);
      ++shared.done;
      if (options.on_progress == nullptr) continue;
      if (const absl::Status status = options.on_progress(shared.done); !status.ok()) {
        shared.error = status;
        shared.end = 0;
      }
    }
  };

  const size_t num_threads = std::clamp<size_t>(static_cast<size_t>(std::max(options.threads, 1)), 1, num_samples + 1);
  std::vector<std::vector<Histogram>> partial(num_threads, std::vector<Histogram>(groups.size()));
  std::vector<std::thread> threads;
  for (size_t i = 1; i < num_threads; ++i) threads.emplace_back(work, std::ref(partial[i]));
  work(partial[0]);
  for (std::thread& thread : threads) thread.join();

  const absl::MutexLock lock(&shared.mutex);
  RETURN_IF_ERROR(shared.error);
  for (const std::vector<Histogram>& part : partial) {
    for (size_t group = 0; group < groups.size(); ++group) histograms[group].Merge(part[group]);
  }
  return histograms;
}

}  // namespace joinery::compiler
