#include "compiler/execution/run_on_device.h"

#include <algorithm>
#include <utility>

#include "absl/strings/str_cat.h"
#include "absl/strings/str_join.h"
#include "base/status.h"
#include "compiler/execution/executor.h"
#include "compiler/failure.h"
#include "compiler/ir/tensor_proto.h"

namespace joinery::compiler {
namespace {

absl::Status Unavailable(absl::string_view message) {
  return WithReason(absl::FailedPreconditionError(message), v1::FAILURE_REASON_GPU_UNAVAILABLE);
}

void AddInitializer(const std::string& name, const std::vector<int64_t>& shape, onnx::GraphProto& graph) {
  onnx::TensorProto& tensor = *graph.add_initializer();
  tensor.set_name(name);
  tensor.set_data_type(onnx::TensorProto::FLOAT);
  int64_t elements = 1;
  for (const int64_t dimension : shape) {
    tensor.add_dims(dimension);
    elements *= dimension;
  }
  for (int64_t i = 0; i < elements; ++i) tensor.add_float_data(1);
}

void AddNode(const std::string& op_type, const std::vector<std::string>& inputs, const std::string& output,
             onnx::GraphProto& graph) {
  onnx::NodeProto& node = *graph.add_node();
  node.set_op_type(op_type);
  for (const std::string& input : inputs) node.add_input(input);
  node.add_output(output);
}

// A convolution and a matrix product, which need all the libraries there are.
onnx::ModelProto SmallModel() {
  onnx::ModelProto model;
  model.set_ir_version(8);
  model.add_opset_import()->set_version(13);
  onnx::GraphProto& graph = *model.mutable_graph();
  graph.set_name("small");
  AddInitializer("x", {1, 2, 4, 4}, graph);
  AddInitializer("w", {2, 2, 3, 3}, graph);
  AddInitializer("m", {2, 2}, graph);
  AddNode("Conv", {"x", "w"}, "c", graph);
  AddNode("MatMul", {"c", "m"}, "y", graph);
  onnx::ValueInfoProto& output = *graph.add_output();
  output.set_name("y");
  output.mutable_type()->mutable_tensor_type()->set_elem_type(onnx::TensorProto::FLOAT);
  return model;
}

// Without optimization, or all of it would be computed on the CPU beforehand.
absl::Status TryOn(Device& device) {
  ASSIGN_OR_RETURN(const std::unique_ptr<Executor> executor,
                   LoadOnnxRuntime(SmallModel(), {.optimize = false, .device = &device}));
  ASSIGN_OR_RETURN(const std::vector<Tensor> outputs, RunToTensors(*executor, {}));
  for (const float value : outputs[0].values<float>()) {
    if (value != 36) return Unavailable(absl::StrCat(device.name(), " cannot be used: it computes wrong numbers"));
  }
  return absl::OkStatus();
}

CheckedGpu Check(gpu::Gpu gpu, int index, const DeviceSurroundings& surroundings) {
  gpu.index = index;
  const std::string name = gpu::Describe(gpu);
  CheckedGpu checked{gpu, surroundings.make_device(index, name), absl::OkStatus()};
  if (gpu.problem.empty()) {
    checked.status = TryOn(*checked.device);
  } else {
    checked.status = Unavailable(absl::StrCat("cuda:", index, " cannot be used: the driver says \"", gpu.problem,
                                              "\"; look at nvidia-smi and the kernel's log"));
  }
  return checked;
}

absl::StatusOr<std::vector<gpu::Gpu>> ListVisible(const DeviceSurroundings& surroundings) {
  ASSIGN_OR_RETURN(const std::vector<gpu::Gpu> gpus, surroundings.driver.List());
  return gpu::VisibleGpus(gpus, surroundings.visible_devices);
}

absl::StatusOr<CheckedGpu> OpenGpu(int index, const DeviceSurroundings& surroundings) {
  const absl::StatusOr<std::vector<gpu::Gpu>> gpus = ListVisible(surroundings);
  if (!gpus.ok()) {
    return Unavailable(absl::StrCat("cuda:", index, " cannot be used: ", gpus.status().message()));
  }
  if (index >= static_cast<int>(gpus->size())) {
    return Unavailable(absl::StrCat("cuda:", index, " cannot be used: this program sees ", gpus->size(),
                                    gpus->size() == 1 ? " GPU" : " GPUs", ", counted from 0; see joineryc devices"));
  }
  CheckedGpu checked = Check((*gpus)[static_cast<size_t>(index)], index, surroundings);
  RETURN_IF_ERROR(checked.status);
  return checked;
}

// Null if there is none that works; then `warn` was told why, if there is one at all.
std::unique_ptr<Device> OpenBest(const DeviceSurroundings& surroundings,
                                 const std::function<void(absl::string_view)>& warn) {
  const absl::StatusOr<std::vector<gpu::Gpu>> gpus = ListVisible(surroundings);
  if (!gpus.ok()) {
    if (!absl::IsNotFound(gpus.status())) warn(absl::StrCat(gpus.status().message(), "; running on the CPU"));
    return nullptr;
  }
  std::vector<int> order(gpus->size());
  for (size_t i = 0; i < order.size(); ++i) order[i] = static_cast<int>(i);
  std::stable_sort(order.begin(), order.end(), [&](int a, int b) {
    return (*gpus)[static_cast<size_t>(a)].free_bytes > (*gpus)[static_cast<size_t>(b)].free_bytes;
  });
  for (const int index : order) {
    CheckedGpu checked = Check((*gpus)[static_cast<size_t>(index)], index, surroundings);
    if (checked.status.ok()) return std::move(checked.device);
    warn(checked.status.message());
  }
  if (!order.empty()) warn("running on the CPU");
  return nullptr;
}

}  // namespace

absl::StatusOr<std::vector<CheckedGpu>> CheckGpus(const DeviceSurroundings& surroundings) {
  ASSIGN_OR_RETURN(const std::vector<gpu::Gpu> gpus, ListVisible(surroundings));
  std::vector<CheckedGpu> checked;
  for (size_t i = 0; i < gpus.size(); ++i) checked.push_back(Check(gpus[i], static_cast<int>(i), surroundings));
  return checked;
}

absl::Status RunOnDevice(const gpu::DeviceChoice& choice, const DeviceSurroundings& surroundings,
                         const std::function<void(absl::string_view)>& warn,
                         const std::function<absl::Status(Device* device)>& work) {
  switch (choice.kind) {
    case gpu::DeviceChoice::Kind::kCpu:
      return work(nullptr);
    case gpu::DeviceChoice::Kind::kCuda: {
      ASSIGN_OR_RETURN(const CheckedGpu checked, OpenGpu(choice.index, surroundings));
      const absl::Status status = work(checked.device.get());
      const absl::Status fault = checked.device->fault();
      return fault.ok() ? status : fault;
    }
    case gpu::DeviceChoice::Kind::kAuto:
      break;
  }
  const std::unique_ptr<Device> device = OpenBest(surroundings, warn);
  if (device == nullptr) return work(nullptr);
  absl::Status status = work(device.get());
  const absl::Status fault = device->fault();
  if (fault.ok()) return status;
  warn(absl::StrCat(fault.message(), "; starting again on the CPU"));
  return work(nullptr);
}

}  // namespace joinery::compiler
