// Running ONNX models: the seam to whatever runtime does it.
#pragma once

#include <cstdint>
#include <functional>
#include <memory>
#include <string>
#include <vector>

#include "absl/status/statusor.h"
#include "absl/types/span.h"
#include "compiler/ir/tensor.h"
#include "onnx/onnx_pb.h"

namespace joinery::compiler {

// An input or output of a model. A dimension that is not fixed is -1.
struct TensorSpec {
  std::string name;
  int32_t element_type;
  std::vector<int64_t> shape;
};

// Elements that somebody else owns; as Tensor otherwise.
struct TensorView {
  int32_t element_type;
  absl::Span<const int64_t> shape;
  absl::Span<const std::byte> bytes;

  template <typename T>
  absl::Span<const T> values() const {
    return {reinterpret_cast<const T*>(bytes.data()), bytes.size() / sizeof(T)};
  }
};

// A loaded model. Thread-safe: many threads may run it at once.
class Executor {
 public:
  virtual ~Executor() = default;

  virtual const std::vector<TensorSpec>& inputs() const = 0;
  virtual const std::vector<TensorSpec>& outputs() const = 0;

  // Runs the model once. `feed` has a tensor for each input, in their order. Calls `visit` with each output, in their
  // order; the view is valid during the call only.
  // Errors: kInvalidArgument if the feed does not fit the inputs; kResourceExhausted if memory ran out; kInternal
  // with the runtime's words otherwise.
  virtual absl::Status Run(absl::Span<const Tensor> feed,
                           const std::function<void(size_t output, const TensorView& value)>& visit) = 0;
};

class Device;

struct ExecutorOptions {
  // Threads that one Run uses.
  int threads = 1;
  // Let the runtime rewrite the graph for speed. Off: nodes run as they stand.
  bool optimize = true;
  // Let it compute between QuantizeLinear and DequantizeLinear in integers. Off: in float, on constants that are
  // dequantized once. On, it also rounds float weights between them, whose scale is not known to it.
  bool use_integers = true;
  // Where it runs; null: on the CPU. Must outlive the executor.
  Device* device = nullptr;
};

// Runs the model once and keeps its outputs.
absl::StatusOr<std::vector<Tensor>> RunToTensors(Executor& executor, absl::Span<const Tensor> feed);

// Loads `model` into ONNX Runtime, on the CPU unless `options` says otherwise.
// Errors: those of the device (device.h); kInvalidArgument with the runtime's words if it does not take the model;
// kResourceExhausted if memory ran out.
absl::StatusOr<std::unique_ptr<Executor>> LoadOnnxRuntime(const onnx::ModelProto& model,
                                                          const ExecutorOptions& options);

// The version of the runtime, as "1.29.0".
std::string OnnxRuntimeVersion();

}  // namespace joinery::compiler
