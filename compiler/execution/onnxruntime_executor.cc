// ONNX Runtime behind Executor. Its exceptions end here.
#include <onnxruntime_cxx_api.h>

#include <cstdio>
#include <cstdlib>
#include <string>
#include <utility>

#include "absl/base/thread_annotations.h"
#include "absl/status/status.h"
#include "absl/strings/match.h"
#include "absl/strings/str_cat.h"
#include "absl/strings/str_join.h"
#include "absl/synchronization/mutex.h"
#include "base/status.h"
#include "compiler/execution/device.h"
#include "compiler/execution/executor.h"
#include "compiler/execution/onnxruntime_session.h"
#include "compiler/ir/tensor_proto.h"

namespace joinery::compiler {
namespace {

// What ONNX Runtime logs. Why a provider's library could not be loaded it tells nowhere else.
class Log {
 public:
  // As OrtLoggingFunction.
  static void Write(void* log, OrtLoggingLevel /*level*/, const char* category, const char* /*id*/,
                    const char* /*place*/, const char* message) {
    auto* self = static_cast<Log*>(log);
    const absl::MutexLock lock(&self->mutex_);
    if (self->listeners_ > 0) {
      absl::StrAppend(&self->text_, "\n", message);
    } else {
      fprintf(stderr, "%s: %s\n", category, message);
    }
  }

  // While anybody listens, nothing is printed.
  void Listen() {
    const absl::MutexLock lock(&mutex_);
    if (listeners_++ == 0) text_.clear();
  }
  std::string StopListening() {
    const absl::MutexLock lock(&mutex_);
    --listeners_;
    return text_;
  }

 private:
  absl::Mutex mutex_;
  int listeners_ ABSL_GUARDED_BY(mutex_) = 0;
  std::string text_ ABSL_GUARDED_BY(mutex_);
};

// One for the process, as is the environment that writes to it.
Log& TheLog() {
  static auto* log = new Log();
  return *log;
}

// One for the process, as ONNX Runtime asks. Never destroyed: sessions in static objects may outlive main.
Ort::Env& Environment() {
  static auto* environment = [] {
    // The published packages otherwise keep a device id and a log of events in the user's folders, and send them home.
    setenv("ORT_DISABLE_TELEMETRY", "1", /*overwrite=*/0);
    return new Ort::Env(ORT_LOGGING_LEVEL_ERROR, "joinery", &Log::Write, &TheLog());
  }();
  return *environment;
}

TensorSpec ToSpec(const std::string& name, const Ort::TypeInfo& info) {
  if (info.GetONNXType() != ONNX_TYPE_TENSOR) return {name, onnx::TensorProto::UNDEFINED, {}};
  const auto tensor = info.GetTensorTypeAndShapeInfo();
  // ONNX Runtime numbers element types as ONNX does.
  return {name, static_cast<int32_t>(tensor.GetElementType()), tensor.GetShape()};
}

std::string ShapeText(absl::Span<const int64_t> shape) { return absl::StrCat("[", absl::StrJoin(shape, "x"), "]"); }

absl::Status CheckFeed(const TensorSpec& spec, const Tensor& tensor) {
  bool fits = spec.element_type == tensor.element_type && spec.shape.size() == tensor.shape.size();
  for (size_t i = 0; fits && i < spec.shape.size(); ++i) {
    fits = spec.shape[i] < 0 || spec.shape[i] == tensor.shape[i];
  }
  if (fits) return absl::OkStatus();
  return absl::InvalidArgumentError(absl::StrCat("input \"", spec.name, "\" takes ", ElementTypeName(spec.element_type),
                                                 ShapeText(spec.shape), ", got ", ElementTypeName(tensor.element_type),
                                                 ShapeText(tensor.shape)));
}

// ONNX Runtime has no error code of its own for a lack of memory.
absl::Status ToStatus(const Ort::Exception& error, absl::StatusCode code, absl::string_view context) {
  const bool is_memory =
      absl::StrContains(error.what(), "bad_alloc") || absl::StrContains(error.what(), "allocate memory");
  return absl::Status(is_memory ? absl::StatusCode::kResourceExhausted : code, absl::StrCat(context, error.what()));
}

class OnnxRuntimeExecutor : public Executor {
 public:
  OnnxRuntimeExecutor(Ort::Session session, SessionHooks hooks)
      : session_(std::move(session)), hooks_(std::move(hooks)) {
    const Ort::AllocatorWithDefaultOptions allocator;
    for (size_t i = 0; i < session_.GetInputCount(); ++i) {
      inputs_.push_back(ToSpec(session_.GetInputNameAllocated(i, allocator).get(), session_.GetInputTypeInfo(i)));
    }
    for (size_t i = 0; i < session_.GetOutputCount(); ++i) {
      outputs_.push_back(ToSpec(session_.GetOutputNameAllocated(i, allocator).get(), session_.GetOutputTypeInfo(i)));
    }
    for (const TensorSpec& spec : inputs_) input_names_.push_back(spec.name.c_str());
    for (const TensorSpec& spec : outputs_) output_names_.push_back(spec.name.c_str());
  }

  const std::vector<TensorSpec>& inputs() const override { return inputs_; }
  const std::vector<TensorSpec>& outputs() const override { return outputs_; }

  absl::Status Run(absl::Span<const Tensor> feed,
                   const std::function<void(size_t, const TensorView&)>& visit) override {
    if (feed.size() != inputs_.size()) {
      return absl::InvalidArgumentError(
          absl::StrCat("the model has ", inputs_.size(), " inputs, got ", feed.size(), " tensors"));
    }
    for (size_t i = 0; i < feed.size(); ++i) RETURN_IF_ERROR(CheckFeed(inputs_[i], feed[i]));
    try {
      const auto memory = Ort::MemoryInfo::CreateCpu(OrtArenaAllocator, OrtMemTypeDefault);
      std::vector<Ort::Value> values;
      values.reserve(feed.size());
      for (const Tensor& tensor : feed) {
        // The C interface takes inputs as mutable but does not write to them.
        values.push_back(Ort::Value::CreateTensor(memory, const_cast<std::byte*>(tensor.bytes.data()),
                                                  tensor.bytes.size(), tensor.shape.data(), tensor.shape.size(),
                                                  static_cast<ONNXTensorElementDataType>(tensor.element_type)));
      }
      const std::vector<Ort::Value> results = session_.Run(Ort::RunOptions(nullptr), input_names_.data(), values.data(),
                                                           values.size(), output_names_.data(), output_names_.size());
      for (size_t i = 0; i < results.size(); ++i) {
        if (!results[i].IsTensor()) {
          return absl::UnimplementedError(absl::StrCat("output \"", outputs_[i].name, "\" is not a tensor"));
        }
        const auto info = results[i].GetTensorTypeAndShapeInfo();
        const std::vector<int64_t> shape = info.GetShape();
        const auto type = static_cast<int32_t>(info.GetElementType());
        const auto* data = static_cast<const std::byte*>(results[i].GetTensorRawData());
        visit(i, {type, shape, {data, info.GetElementCount() * ElementSize(type)}});
      }
    } catch (const Ort::Exception& error) {
      if (hooks_.explain) {
        if (const auto explained = hooks_.explain(error.what()); explained.has_value()) return *explained;
      }
      return ToStatus(error, absl::StatusCode::kInternal, "ONNX Runtime: ");
    }
    return absl::OkStatus();
  }

 private:
  Ort::Session session_;
  SessionHooks hooks_;
  std::vector<TensorSpec> inputs_;
  std::vector<TensorSpec> outputs_;
  std::vector<const char*> input_names_;
  std::vector<const char*> output_names_;
};

}  // namespace

absl::StatusOr<std::unique_ptr<Executor>> LoadSession(const onnx::ModelProto& model, const ExecutorOptions& options,
                                                      SessionHooks hooks) {
  const std::string bytes = model.SerializeAsString();
  if (hooks.explain) TheLog().Listen();
  try {
    Ort::SessionOptions session_options;
    session_options.SetIntraOpNumThreads(options.threads);
    session_options.SetInterOpNumThreads(1);
    session_options.SetGraphOptimizationLevel(options.optimize ? ORT_ENABLE_ALL : ORT_DISABLE_ALL);
    if (!options.use_integers) session_options.AddConfigEntry("session.disable_quant_qdq", "1");
    Ort::Env& environment = Environment();
    if (hooks.prepare) hooks.prepare(session_options);
    Ort::Session session(environment, bytes.data(), bytes.size(), session_options);
    if (hooks.explain) TheLog().StopListening();
    return std::make_unique<OnnxRuntimeExecutor>(std::move(session), std::move(hooks));
  } catch (const Ort::Exception& error) {
    if (hooks.explain) {
      const std::string words = absl::StrCat(error.what(), TheLog().StopListening());
      if (const auto explained = hooks.explain(words); explained.has_value()) return *explained;
    }
    return ToStatus(error, absl::StatusCode::kInvalidArgument, "ONNX Runtime does not take the model: ");
  }
}

absl::StatusOr<std::unique_ptr<Executor>> LoadOnnxRuntime(const onnx::ModelProto& model,
                                                          const ExecutorOptions& options) {
  if (options.device != nullptr) return options.device->Load(model, options);
  return LoadSession(model, options, {});
}

std::string OnnxRuntimeVersion() { return Ort::GetVersionString(); }

}  // namespace joinery::compiler
