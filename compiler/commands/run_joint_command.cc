// run_joint: runs a .joint on this host, as the board's program of that name does there.
#include <chrono>
#include <iostream>
#include <memory>
#include <utility>

#include "absl/strings/str_cat.h"
#include "absl/strings/str_format.h"
#include "absl/strings/str_join.h"
#include "absl/strings/str_split.h"
#include "base/file.h"
#include "base/status.h"
#include "base/version.h"
#include "compiler/backend/joint_file.h"
#include "compiler/calibration/sample.h"
#include "compiler/commands/commands.h"
#include "compiler/commands/device_option.h"
#include "compiler/commands/exit_code.h"
#include "compiler/evaluation/tensor_files.h"
#include "compiler/execution/executor.h"
#include "compiler/frontend/random_feed.h"
#include "compiler/ir/tensor_proto.h"

namespace joinery::compiler {
namespace {

constexpr int64_t kLargestInput = int64_t{1} << 30;

struct RunJointOptions {
  gpu::DeviceChoice device;
  std::string joint;
  std::string data;
  std::string bin_out_dir;
  int repeat = 1;
  int warmup = 0;
  int threads = 1;
  std::string mode;
};

using Clock = std::chrono::steady_clock;

double Milliseconds(Clock::duration duration) { return std::chrono::duration<double, std::milli>(duration).count(); }

void PrintTensors(const char* kind, const google::protobuf::RepeatedPtrField<v1::TensorInfo>& tensors) {
  for (int i = 0; i < tensors.size(); ++i) {
    const v1::TensorInfo& tensor = tensors.Get(i);
    std::cout << absl::StrFormat("%s[%d]: %s\n    Shape [%s] %s %s %s\n", kind, i, tensor.name(),
                                 absl::StrJoin(tensor.shape(), ", "), tensor.layout(), tensor.element_type(),
                                 tensor.color_space());
  }
}

absl::StatusOr<std::vector<Tensor>> MakeFeed(const RunJointOptions& options, const Joint& joint,
                                             const Executor& executor) {
  if (options.data.empty()) {
    std::cout << "no input data given (--data): using random data\n";
    return RandomFeed(executor.inputs(), /*seed=*/1);
  }
  const std::vector<std::string> files = absl::StrSplit(options.data, ';');
  const v1::BuildConfiguration& configuration = joint.manifest.configuration();
  if (files.size() != static_cast<size_t>(configuration.inputs_size())) {
    return absl::InvalidArgumentError(absl::StrCat("--data names ", files.size(), " files, the model has ",
                                                   configuration.inputs_size(),
                                                   " inputs: give one for each, separated by semicolons"));
  }
  std::vector<Tensor> feed;
  for (size_t i = 0; i < files.size(); ++i) {
    ASSIGN_OR_RETURN(const std::string bytes, base::ReadFile(files[i], kLargestInput));
    ASSIGN_OR_RETURN(Tensor tensor, LoadRaw(files[i], bytes, configuration.inputs(static_cast<int>(i))));
    feed.push_back(std::move(tensor));
  }
  return feed;
}

absl::Status RunJoint(const RunJointOptions& options, Device* device) {
  const auto begin = Clock::now();
  ASSIGN_OR_RETURN(const Joint joint, ReadJoint(options.joint));
  const auto read = Clock::now();
  ASSIGN_OR_RETURN(const std::unique_ptr<Executor> executor,
                   LoadOnnxRuntime(joint.model, {.threads = options.threads, .device = device}));
  const auto loaded = Clock::now();

  std::cout << "run joint version: " << base::kVersion << "\n";
  std::cout << absl::StrFormat("measured on this host: ONNX Runtime %s on %s, %d thread%s; a board's times differ\n",
                               OnnxRuntimeVersion(), device == nullptr ? "the CPU" : device->name(), options.threads,
                               options.threads == 1 ? "" : "s");
  std::cout << "virtual npu mode of the model: " << joint.manifest.configuration().target().virtual_npu() << "\n"
            << "tools version: " << joint.manifest.tool_version() << "\nQuantization Type is 8 bit\n";
  PrintTensors("Input", joint.manifest.inputs());
  PrintTensors("Output", joint.manifest.outputs());

  ASSIGN_OR_RETURN(const std::vector<Tensor> feed, MakeFeed(options, joint, *executor));
  std::cout << absl::StrFormat("Create handle took %.2f ms on this host (reading %.2f ms, loading %.2f ms)\n",
                               Milliseconds(loaded - begin), Milliseconds(read - begin), Milliseconds(loaded - read));

  std::vector<Tensor> outputs;
  for (int i = 0; i < options.warmup; ++i) RETURN_IF_ERROR(executor->Run(feed, [](size_t, const TensorView&) {}));
  // As on the board, the first of several rounds does not count.
  const int counted = options.repeat > 1 ? options.repeat - 1 : 1;
  Clock::duration total{};
  for (int i = 0; i < options.repeat; ++i) {
    const auto start = Clock::now();
    ASSIGN_OR_RETURN(outputs, RunToTensors(*executor, feed));
    if (i > 0 || options.repeat == 1) total += Clock::now() - start;
  }
  std::cout << absl::StrFormat("Run task took %.0f us (%d round%s for average) on this host\n",
                               1000 * Milliseconds(total) / counted, counted, counted == 1 ? "" : "s");
  for (size_t i = 0; i < outputs.size() && !options.bin_out_dir.empty(); ++i) {
    ASSIGN_OR_RETURN(const std::string path, WriteBin(options.bin_out_dir, executor->outputs()[i].name, outputs[i]));
    std::cout << "output " << executor->outputs()[i].name << " written to " << path << ", " << outputs[i].bytes.size()
              << " bytes\n";
  }
  return absl::OkStatus();
}

}  // namespace

void AddRunJointOptions(CLI::App& app, int& exit_code) {
  auto options = std::make_shared<RunJointOptions>();
  app.add_option("joint", options->joint, "The .joint")->required();
  app.add_option("-d,--data", options->data, "Raw tensors, a file for each input, separated by semicolons");
  app.add_option("--bin-out-dir", options->bin_out_dir, "Write each output as NAME.bin into this folder");
  app.add_option("--repeat", options->repeat, "Rounds; the first of several does not count")
      ->capture_default_str()
      ->check(CLI::Range(1, 1'000'000));
  app.add_option("--warmup", options->warmup, "Rounds before those")
      ->capture_default_str()
      ->check(CLI::Range(0, 1'000'000));
  app.add_option("--threads", options->threads, "Threads to use")->capture_default_str()->check(CLI::Range(1, 256));
  AddDeviceOption(app, options->device);
  app.add_option("--mode", options->mode, "Virtual NPU mode; has no meaning on a host without an NPU");
  app.footer(
      "Examples:\n  run_joint mobilenetv2.joint --repeat 100 --warmup 10\n  run_joint mobilenetv2.joint --data cat.bin "
      "--bin-out-dir ./");
  app.callback([options, &exit_code] {
    exit_code = ReportModelCommand(
        RunOnChosenDevice(options->device, [&](Device* device) { return RunJoint(*options, device); }));
  });
}

}  // namespace joinery::compiler
