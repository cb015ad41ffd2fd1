// joineryc run: the float model and its .joint on the same input, side by side.
#include <google/protobuf/util/message_differencer.h>

#include <algorithm>
#include <filesystem>
#include <iostream>
#include <memory>
#include <utility>

#include "absl/strings/match.h"
#include "absl/strings/str_cat.h"
#include "absl/strings/str_format.h"
#include "absl/strings/str_join.h"
#include "base/file.h"
#include "base/status.h"
#include "compiler/backend/joint_file.h"
#include "compiler/calibration/sample.h"
#include "compiler/commands/commands.h"
#include "compiler/commands/device_option.h"
#include "compiler/commands/exit_code.h"
#include "compiler/configuration/configuration.h"
#include "compiler/evaluation/compare.h"
#include "compiler/evaluation/float_reference.h"
#include "compiler/evaluation/tensor_files.h"
#include "compiler/execution/executor.h"
#include "compiler/failure.h"
#include "compiler/frontend/load_model.h"

namespace joinery::compiler {
namespace {

constexpr int64_t kLargestSample = int64_t{512} << 20;

struct RunOptions {
  gpu::DeviceChoice device;
  std::vector<std::string> models;
  std::vector<std::string> inputs;
  std::vector<std::string> layers;
  std::string configuration_path;
  std::string output_gt;
};

struct LoadedModel {
  std::string path;
  bool is_joint = false;
  std::unique_ptr<Executor> executor;
  // Of a .joint: its outputs, with scales where they are whole numbers.
  google::protobuf::RepeatedPtrField<v1::TensorInfo> outputs = {};
};

// The models, and how their inputs are made from files.
struct Comparands {
  std::vector<LoadedModel> models;
  v1::BuildConfiguration configuration;
};

absl::Status CheckConfiguration(const std::string& path, const v1::BuildConfiguration& used) {
  ASSIGN_OR_RETURN(const Configuration parsed, ReadConfigurationFile(path));
  std::vector<ModelInput> inputs;
  for (const v1::InputConfiguration& input : used.inputs()) {
    // The element type of an input that is fed pictures is float32; of another it does not change the preprocessing.
    const bool is_native = input.element_type() == v1::ELEMENT_TYPE_NATIVE;
    inputs.push_back({input.name(),
                      is_native ? onnx::TensorProto::INT64 : onnx::TensorProto::FLOAT,
                      {input.model_shape().begin(), input.model_shape().end()}});
  }
  ASSIGN_OR_RETURN(const Translation translation, TranslateConfiguration(parsed, inputs));
  for (int i = 0; i < used.inputs_size(); ++i) {
    if (!google::protobuf::util::MessageDifferencer::Equals(translation.configuration.inputs(i), used.inputs(i))) {
      std::cerr << "warning: " << path << " prepares input \"" << used.inputs(i).name()
                << "\" in another way than the .joint was built with; the .joint's own way is used for both models\n";
    }
  }
  return absl::OkStatus();
}

absl::StatusOr<Comparands> LoadComparands(const RunOptions& options, Device* device) {
  Comparands comparands;
  bool has_joint = false;
  for (const std::string& path : options.models) {
    ASSIGN_OR_RETURN(const onnx::ModelProto model, LoadModel(path, ModelLimits()));
    comparands.models.push_back({path, HasManifest(model), nullptr, {}});
    if (!HasManifest(model)) continue;
    ASSIGN_OR_RETURN(v1::Manifest manifest, ReadManifest(model, path));
    comparands.models.back().outputs = manifest.outputs();
    if (!has_joint) comparands.configuration = std::move(*manifest.mutable_configuration());
    has_joint = true;
    ASSIGN_OR_RETURN(comparands.models.back().executor, LoadOnnxRuntime(model, {.device = device}));
  }
  if (!has_joint) {
    return absl::InvalidArgumentError(
        "none of the models is a .joint: its manifest tells how the inputs are prepared; give the float model and then "
        "the .joint made from it");
  }
  if (!options.configuration_path.empty()) {
    RETURN_IF_ERROR(CheckConfiguration(options.configuration_path, comparands.configuration));
  }
  for (LoadedModel& model : comparands.models) {
    if (model.executor != nullptr) continue;
    ASSIGN_OR_RETURN(const onnx::ModelProto reference, LoadFloatReference(model.path, comparands.configuration));
    ASSIGN_OR_RETURN(model.executor, LoadOnnxRuntime(reference, {.device = device}));
  }
  return comparands;
}

// Which file is for which input: by --layer, or in the order of the inputs.
absl::StatusOr<std::vector<std::string>> FilesByInput(const RunOptions& options,
                                                      const v1::BuildConfiguration& configuration) {
  const auto num_inputs = static_cast<size_t>(configuration.inputs_size());
  if (options.inputs.size() != num_inputs || (!options.layers.empty() && options.layers.size() != num_inputs)) {
    return absl::InvalidArgumentError(absl::StrCat("the model has ", num_inputs,
                                                   " inputs: give --input a file for each",
                                                   options.layers.empty() ? "" : ", and --layer as many names"));
  }
  if (options.layers.empty()) return options.inputs;
  std::vector<std::string> files(num_inputs);
  for (size_t i = 0; i < num_inputs; ++i) {
    size_t input = 0;
    while (input < num_inputs && configuration.inputs(static_cast<int>(input)).name() != options.layers[i]) ++input;
    if (input == num_inputs) {
      return absl::InvalidArgumentError(absl::StrCat("--layer: the model has no input \"", options.layers[i], "\""));
    }
    files[input] = options.inputs[i];
  }
  return files;
}

absl::StatusOr<std::vector<Tensor>> LoadFeed(const std::vector<std::string>& files,
                                             const v1::BuildConfiguration& configuration) {
  std::vector<Tensor> feed;
  for (size_t i = 0; i < files.size(); ++i) {
    const v1::InputConfiguration& input = configuration.inputs(static_cast<int>(i));
    ASSIGN_OR_RETURN(const std::string bytes, base::ReadFile(files[i], kLargestSample));
    if (absl::EndsWithIgnoreCase(files[i], ".bin")) {
      ASSIGN_OR_RETURN(Tensor tensor, LoadRaw(files[i], bytes, input));
      feed.push_back(std::move(tensor));
      continue;
    }
    ASSIGN_OR_RETURN(LoadedSample sample, LoadSample(files[i], bytes, input, configuration.calibration().image_fit()));
    if (!sample.note.empty()) std::cerr << files[i] << ": " << sample.note << "\n";
    feed.push_back(std::move(sample.tensor));
  }
  return feed;
}

// One sample as often as a .joint of a fixed batch takes them.
std::vector<Tensor> FillBatch(const std::vector<Tensor>& feed, const Executor& executor) {
  std::vector<Tensor> filled = feed;
  for (size_t i = 0; i < feed.size(); ++i) {
    const std::vector<int64_t>& wanted = executor.inputs()[i].shape;
    if (wanted.empty() || feed[i].shape.empty() || feed[i].shape[0] != 1 || wanted[0] <= 1) continue;
    filled[i].shape[0] = wanted[0];
    for (int64_t copy = 1; copy < wanted[0]; ++copy) {
      filled[i].bytes.insert(filled[i].bytes.end(), feed[i].bytes.begin(), feed[i].bytes.end());
    }
  }
  return filled;
}

// The first sample of a batch, in the float model's numbers.
Tensor FirstSample(const Tensor& output, const TensorSpec& reference) {
  Tensor first = output;
  if (reference.shape.empty() || output.shape.size() != reference.shape.size()) return first;
  if (output.shape[0] <= reference.shape[0] || reference.shape[0] < 1) return first;
  first.bytes.resize(first.bytes.size() / static_cast<size_t>(output.shape[0] / reference.shape[0]));
  first.shape[0] = reference.shape[0];
  return first;
}

template <typename T>
Tensor ToReal(const Tensor& numbers, const v1::TensorInfo& info) {
  std::vector<float> values;
  values.reserve(static_cast<size_t>(numbers.num_elements()));
  for (const T number : numbers.values<T>()) {
    values.push_back(static_cast<float>(static_cast<double>(number - info.zero_point()) * info.scale()));
  }
  return MakeTensor<float>(onnx::TensorProto::FLOAT, numbers.shape, values);
}

Tensor Dequantize(const Tensor& output, const v1::TensorInfo& info) {
  if (info.scale() == 0) return output;
  switch (output.element_type) {
    case onnx::TensorProto::UINT8:
      return ToReal<uint8_t>(output, info);
    case onnx::TensorProto::INT8:
      return ToReal<int8_t>(output, info);
    case onnx::TensorProto::UINT16:
      return ToReal<uint16_t>(output, info);
    case onnx::TensorProto::INT16:
      return ToReal<int16_t>(output, info);
    default:
      return output;
  }
}

absl::Status Dump(const std::string& folder, const std::string& name, const Tensor& value) {
  std::error_code error;
  std::filesystem::create_directories(folder, error);
  if (error) return base::ErrnoStatus(error.value(), absl::StrCat("cannot create ", folder));
  ASSIGN_OR_RETURN(const std::string path, WriteBin(folder, name, value));
  std::cout << "dumped '" << name << "' to '" << path << "'.\n";
  return WriteNpy(folder, name, value).status();
}

absl::Status DumpFeed(const RunOptions& options, const std::vector<std::string>& files, const Comparands& comparands,
                      const std::vector<Tensor>& feed) {
  const std::string folder = absl::StrCat(options.output_gt, "/input");
  for (size_t i = 0; i < feed.size(); ++i) {
    RETURN_IF_ERROR(Dump(folder, comparands.configuration.inputs(static_cast<int>(i)).name(), feed[i]));
  }
  return base::WriteFileAtomically(folder + "/filename.txt", absl::StrCat(absl::StrJoin(files, "\n"), "\n"));
}

void PrintComparison(const Comparands& comparands, size_t model, const std::vector<Tensor>& expected,
                     const std::vector<Tensor>& actual) {
  const std::vector<TensorSpec>& outputs = comparands.models[0].executor->outputs();
  std::cout << "###### Comparing " << std::filesystem::path(comparands.models[0].path).filename().string() << " and "
            << std::filesystem::path(comparands.models[model].path).filename().string() << " ######\n"
            << "Score compare table:\n";
  for (size_t i = 0; i < outputs.size(); ++i) {
    if (expected[i].element_type != onnx::TensorProto::FLOAT) {
      std::cout << "Layer: " << outputs[i].name << "  not float32, not compared\n";
      continue;
    }
    Comparison comparison;
    comparison.Add(expected[i].values<float>(), actual[i].values<float>());
    std::cout << absl::StrFormat("Layer: %s  2-norm RE: %.2f%%  cosine-sim: %.4f\n", outputs[i].name,
                                 100 * comparison.relative_error(), comparison.cosine_mean());
  }
}

absl::Status CheckSameOutputs(const Comparands& comparands, size_t model, const std::vector<Tensor>& expected,
                              const std::vector<Tensor>& actual) {
  bool same = expected.size() == actual.size();
  for (size_t i = 0; same && i < expected.size(); ++i) {
    same = expected[i].shape == actual[i].shape && expected[i].element_type == actual[i].element_type;
  }
  if (same) return absl::OkStatus();
  return absl::InvalidArgumentError(absl::StrCat(comparands.models[model].path, " has other outputs than ",
                                                 comparands.models[0].path, ": it was not made from it"));
}

absl::Status Run(const RunOptions& options, Device* device) {
  ASSIGN_OR_RETURN(const Comparands comparands, LoadComparands(options, device));
  ASSIGN_OR_RETURN(const std::vector<std::string> files, FilesByInput(options, comparands.configuration));
  ASSIGN_OR_RETURN(const std::vector<Tensor> feed, LoadFeed(files, comparands.configuration));
  if (!options.output_gt.empty()) RETURN_IF_ERROR(DumpFeed(options, files, comparands, feed));
  std::vector<std::vector<Tensor>> results;
  for (const LoadedModel& model : comparands.models) {
    ASSIGN_OR_RETURN(std::vector<Tensor> outputs, RunToTensors(*model.executor, FillBatch(feed, *model.executor)));
    for (size_t i = 0; i < outputs.size() && !options.output_gt.empty(); ++i) {
      const std::string folder = absl::StrCat(options.output_gt, model.is_joint ? "/joint" : "/onnx");
      RETURN_IF_ERROR(Dump(folder, model.executor->outputs()[i].name, outputs[i]));
    }
    const std::vector<TensorSpec>& reference = comparands.models[0].executor->outputs();
    for (size_t i = 0; i < std::min(outputs.size(), reference.size()); ++i) {
      outputs[i] = FirstSample(outputs[i], reference[i]);
      const auto index = static_cast<int>(i);
      if (index < model.outputs.size()) outputs[i] = Dequantize(outputs[i], model.outputs[index]);
    }
    results.push_back(std::move(outputs));
  }
  for (size_t model = 1; model < results.size(); ++model) {
    RETURN_IF_ERROR(CheckSameOutputs(comparands, model, results[0], results[model]));
    PrintComparison(comparands, model, results[0], results[model]);
  }
  return absl::OkStatus();
}

int RunAndReport(const RunOptions& options) {
  const absl::Status status = RunOnChosenDevice(options.device, [&](Device* device) { return Run(options, device); });
  if (status.ok()) return kExitSuccess;
  return ReportError(absl::IsInvalidArgument(status) ? WithReason(status, v1::FAILURE_REASON_INVALID_MODEL) : status);
}

}  // namespace

void AddRunCommand(CLI::App& app, int& exit_code) {
  CLI::App* command = app.add_subcommand("run", "Compare a float model and a .joint on given inputs");
  auto options = std::make_shared<RunOptions>();
  command->add_option("model", options->models, "Models, the first is the reference: M.onnx M.joint")->required();
  command->add_option("--input", options->inputs, "A file for each input: jpg, png, npy or bin")->required();
  command->add_option("--layer", options->layers, "The inputs' names, in the order of --input");
  command->add_option("--config", options->configuration_path, "What build wrote as --output_config");
  command->add_option("--output_gt,--output-gt", options->output_gt,
                      "Save inputs and outputs below this folder, as input/, onnx/ and joint/");
  command->footer(
      "Example:\n  joineryc run mobilenetv2.onnx mobilenetv2.joint --input cat.jpg \\\n      --config "
      "out_config_mobilenet_v2.prototxt --output_gt gt");
  command->callback([options, &exit_code] { exit_code = RunAndReport(*options); });
}

}  // namespace joinery::compiler
