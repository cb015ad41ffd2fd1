#include "compiler/execution/cuda_device.h"

#include <onnxruntime_cxx_api.h>

#include <array>
#include <cstdlib>
#include <optional>
#include <utility>

#include "absl/base/thread_annotations.h"
#include "absl/strings/str_cat.h"
#include "absl/synchronization/mutex.h"
#include "compiler/execution/executor.h"
#include "compiler/execution/gpu_fault.h"
#include "compiler/execution/onnxruntime_session.h"

namespace joinery::compiler {
namespace {

// Releases ONNX Runtime's structure of options.
struct ReleaseOptions {
  void operator()(OrtCUDAProviderOptionsV2* options) const { Ort::GetApi().ReleaseCUDAProviderOptions(options); }
};

void AppendCuda(int index, Ort::SessionOptions& session_options) {
  OrtCUDAProviderOptionsV2* raw = nullptr;
  Ort::ThrowOnError(Ort::GetApi().CreateCUDAProviderOptions(&raw));
  const std::unique_ptr<OrtCUDAProviderOptionsV2, ReleaseOptions> options(raw);
  const std::string device_id = absl::StrCat(index);
  const std::array<std::pair<const char*, const char*>, 5> settings = {{
      {"device_id", device_id.c_str()},
      // Not the double each time, which takes memory that others could have.
      {"arena_extend_strategy", "kSameAsRequested"},
      {"cudnn_conv_algo_search", "HEURISTIC"},
      // Ten bits of mantissa are too few to calibrate with.
      {"use_tf32", "0"},
      {"do_copy_in_default_stream", "1"},
  }};
  std::array<const char*, settings.size()> keys{};
  std::array<const char*, settings.size()> values{};
  for (size_t i = 0; i < settings.size(); ++i) std::tie(keys[i], values[i]) = settings[i];
  Ort::ThrowOnError(
      Ort::GetApi().UpdateCUDAProviderOptions(options.get(), keys.data(), values.data(), settings.size()));
  session_options.AppendExecutionProvider_CUDA_V2(*options);
  session_options.SetDeterministicCompute(true);
}

class CudaDevice : public Device {
 public:
  CudaDevice(int index, std::string name) : index_(index), name_(std::move(name)) {}

  std::string name() const override { return name_; }

  absl::StatusOr<std::unique_ptr<Executor>> Load(const onnx::ModelProto& model,
                                                 const ExecutorOptions& options) override {
    setenv("CUDA_DEVICE_ORDER", "PCI_BUS_ID", /*overwrite=*/0);
    return LoadSession(model, options,
                       {.prepare = [this](Ort::SessionOptions& session) { AppendCuda(index_, session); },
                        .explain = [this](const std::string& words) { return Explain(words); }});
  }

  absl::Status fault() const override {
    const absl::MutexLock lock(&mutex_);
    return fault_;
  }

 private:
  std::optional<absl::Status> Explain(const std::string& words) {
    const std::optional<absl::Status> explained = GpuFault(words, name_);
    const absl::MutexLock lock(&mutex_);
    if (explained.has_value() && fault_.ok()) fault_ = *explained;
    return explained;
  }

  const int index_;
  const std::string name_;
  mutable absl::Mutex mutex_;
  absl::Status fault_ ABSL_GUARDED_BY(mutex_);
};

}  // namespace

std::unique_ptr<Device> MakeCudaDevice(int index, const std::string& name) {
  return std::make_unique<CudaDevice>(index, name);
}

}  // namespace joinery::compiler
