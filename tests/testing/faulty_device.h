// A device that is the CPU, until it fails as a GPU would.
#pragma once

#include <atomic>
#include <memory>
#include <string>
#include <utility>
#include <vector>

#include "absl/synchronization/mutex.h"
#include "compiler/execution/device.h"
#include "compiler/execution/executor.h"
#include "compiler/execution/gpu_fault.h"

namespace joinery::testing {

// Thread-safe.
class FaultyDevice : public compiler::Device {
 public:
  // Loading and each run count as a step; from step `first_failure` on (from 1) they fail with ONNX Runtime's `words`.
  FaultyDevice(int first_failure, std::string words) : first_failure_(first_failure), words_(std::move(words)) {}

  std::string name() const override { return "cuda:0 (stand-in)"; }

  absl::StatusOr<std::unique_ptr<compiler::Executor>> Load(const onnx::ModelProto& model,
                                                           const compiler::ExecutorOptions& options) override {
    if (absl::Status status = Step(); !status.ok()) return status;
    compiler::ExecutorOptions on_cpu = options;
    on_cpu.device = nullptr;
    absl::StatusOr<std::unique_ptr<compiler::Executor>> executor = compiler::LoadOnnxRuntime(model, on_cpu);
    if (!executor.ok()) return executor;
    return std::make_unique<FaultyExecutor>(*std::move(executor), *this);
  }

  absl::Status fault() const override {
    const absl::MutexLock lock(&mutex_);
    return fault_;
  }

  int steps() const { return steps_; }

 private:
  class FaultyExecutor : public compiler::Executor {
   public:
    FaultyExecutor(std::unique_ptr<compiler::Executor> executor, FaultyDevice& device)
        : executor_(std::move(executor)), device_(device) {}
    const std::vector<compiler::TensorSpec>& inputs() const override { return executor_->inputs(); }
    const std::vector<compiler::TensorSpec>& outputs() const override { return executor_->outputs(); }
    absl::Status Run(absl::Span<const compiler::Tensor> feed,
                     const std::function<void(size_t, const compiler::TensorView&)>& visit) override {
      if (absl::Status status = device_.Step(); !status.ok()) return status;
      return executor_->Run(feed, visit);
    }

   private:
    std::unique_ptr<compiler::Executor> executor_;
    FaultyDevice& device_;
  };

  absl::Status Step() {
    if (++steps_ < first_failure_) return absl::OkStatus();
    const absl::MutexLock lock(&mutex_);
    if (fault_.ok()) fault_ = *compiler::GpuFault(words_, name());
    return fault_;
  }

  const int first_failure_;
  const std::string words_;
  std::atomic<int> steps_ = 0;
  mutable absl::Mutex mutex_;
  absl::Status fault_;
};

}  // namespace joinery::testing
