// What the executors on the CPU and on a GPU share of ONNX Runtime.
#pragma once

#include <onnxruntime_cxx_api.h>

#include <functional>
#include <memory>
#include <optional>
#include <string>

#include "absl/status/statusor.h"
#include "compiler/execution/executor.h"
#include "onnx/onnx_pb.h"

namespace joinery::compiler {

struct SessionHooks {
  // Adds to the options of the session. May throw Ort::Exception.
  std::function<void(Ort::SessionOptions& options)> prepare;
  // What an error of loading or running means, if it is none of the model's: asked first, from any thread.
  std::function<std::optional<absl::Status>(const std::string& words)> explain;
};

// Either of the hooks may be empty. Errors: those of LoadOnnxRuntime, and what `explain` returns.
absl::StatusOr<std::unique_ptr<Executor>> LoadSession(const onnx::ModelProto& model, const ExecutorOptions& options,
                                                      SessionHooks hooks);

}  // namespace joinery::compiler
