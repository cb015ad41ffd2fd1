// joineryc info: what a .joint, or a float model, is.
#include <filesystem>
#include <iostream>
#include <memory>
#include <utility>

#include "absl/strings/str_cat.h"
#include "absl/strings/str_format.h"
#include "absl/strings/str_join.h"
#include "base/file.h"
#include "base/status.h"
#include "compiler/backend/joint_file.h"
#include "compiler/commands/commands.h"
#include "compiler/commands/exit_code.h"
#include "compiler/frontend/import_model.h"
#include "compiler/frontend/load_model.h"
#include "compiler/frontend/simplify.h"
#include "compiler/ir/graph.h"
#include "compiler/target/estimate_model.h"
#include "compiler/target/print_cost.h"
#include "compiler/target/target.h"

namespace joinery::compiler {
namespace {

struct InfoOptions {
  std::string model;
  std::string output_json;
  bool json = false;
  bool performance = false;
  // "AX630C", "AX630C:NPU1"; empty: what a .joint was built for.
  std::string target;
  std::string target_file;
  std::vector<std::string> input_shapes;
};

// What there is to tell of a model without a manifest.
v1::Manifest DescribeFloatModel(onnx::ModelProto model) {
  v1::Manifest manifest;
  const Graph graph(std::move(model));
  for (const onnx::ValueInfoProto* input : graph.Inputs()) *manifest.add_inputs() = DescribeTensor(*input);
  for (const onnx::ValueInfoProto& output : graph.proto().output()) *manifest.add_outputs() = DescribeTensor(output);
  return manifest;
}

void PrintTensors(const v1::Manifest& manifest) {
  std::cout << absl::StrFormat("%-24s %-4s %-20s %-8s %-7s %s\n", "NAME", "I/O?", "SHAPE", "DTYPE", "LAYOUT", "COLOR");
  const auto print = [](const v1::TensorInfo& tensor, const char* direction) {
    std::cout << absl::StrFormat("%-24s %-4s %-20s %-8s %-7s %s\n", tensor.name(), direction,
                                 absl::StrCat("[", absl::StrJoin(tensor.shape(), ", "), "]"), tensor.element_type(),
                                 tensor.layout(), tensor.color_space());
  };
  for (const v1::TensorInfo& input : manifest.inputs()) print(input, "IN");
  for (const v1::TensorInfo& output : manifest.outputs()) print(output, "OUT");
}

// "a [1, 3], b [1, 2]".
std::string TensorList(const google::protobuf::RepeatedPtrField<v1::TensorInfo>& tensors) {
  return absl::StrJoin(tensors, ", ", [](std::string* out, const v1::TensorInfo& tensor) {
    absl::StrAppend(out, tensor.name(), " [", absl::StrJoin(tensor.shape(), ", "), "]");
  });
}

void PrintManifest(const v1::Manifest& manifest) {
  const v1::Target& target = manifest.configuration().target();
  std::cout << "Target: " << target.hardware() << "\nVirtual NPU: " << target.virtual_npu() << "\n";
  std::cout << "Parts: " << absl::StrJoin(manifest.parts(), ", ", [](std::string* out, const v1::Part& part) {
    absl::StrAppend(out, part.name(), " (", part.nodes(), " nodes)");
  }) << "\n";
  for (const v1::Part& part : manifest.parts()) {
    if (part.device().empty()) continue;
    std::cout << absl::StrFormat("Part %s: %s to %s, about %.3f ms\n", part.name(), TensorList(part.inputs()),
                                 TensorList(part.outputs()), 1e3 * part.estimated_seconds());
  }
  std::cout << "Toolchain Version: " << manifest.tool_version() << "\nFormat Version: " << manifest.format_version()
            << "\nFloat model: sha256 " << manifest.model_digest()
            << "\nCalibration set: " << manifest.calibration_set().samples() << " samples, sha256 "
            << manifest.calibration_set().digest() << "\n";
  for (const v1::OutputPrecision& output : manifest.precision().outputs()) {
    std::cout << absl::StrFormat("Precision of %s on %d calibration samples: cosine %.4f, SQNR %.2f dB\n",
                                 output.name(), manifest.precision().samples(), output.cosine_mean(), output.sqnr_db());
  }
  if (manifest.has_vendor_binary()) {
    const v1::VendorBinary& binary = manifest.vendor_binary();
    std::cout << absl::StrFormat("Vendor's binary: %s by %s %s for %s, %d bytes, sha256 %s\n", binary.file_name(),
                                 binary.tool(), binary.tool_version(), binary.hardware(), binary.size_bytes(),
                                 binary.sha256());
    for (const v1::OutputPrecision& output : binary.outputs()) {
      std::cout << absl::StrFormat("  its %s against the .joint's: cosine %.4f\n", output.name(), output.cosine_mean());
    }
    if (!binary.not_compared().empty()) std::cout << "  not compared: " << binary.not_compared() << "\n";
  }
  for (const v1::FloatNode& node : manifest.float_nodes()) {
    std::cout << "Float: " << node.name() << " (" << node.op_type() << "): " << node.reason() << "\n";
  }
}

absl::StatusOr<ChipMode> ChooseTarget(const InfoOptions& options, const v1::Manifest& manifest) {
  const v1::Target wanted = options.target.empty() ? manifest.configuration().target() : SplitChipMode(options.target);
  if (!options.target_file.empty()) {
    ChipMode chosen;
    ASSIGN_OR_RETURN(chosen.chip, LoadTargetFile(options.target_file));
    ASSIGN_OR_RETURN(chosen.mode, FindMode(chosen.chip, wanted.virtual_npu()));
    return chosen;
  }
  if (wanted.hardware().empty()) {
    return absl::InvalidArgumentError(
        "an estimate is for a target, and the model names none: say --target CHIP or --target CHIP:MODE");
  }
  return FindChipMode(wanted);
}

absl::StatusOr<v1::Cost> Estimate(const InfoOptions& options, const v1::Manifest& manifest, onnx::ModelProto model) {
  ASSIGN_OR_RETURN(const ChipMode target, ChooseTarget(options, manifest));
  if (HasManifest(model)) return EstimateJointModel(std::move(model), target.chip, target.mode);
  ImportOptions import;
  import.input_shapes = options.input_shapes;
  ASSIGN_OR_RETURN(Imported imported, ImportModel(std::move(model), import));
  RETURN_IF_ERROR(Simplify(imported.graph).status());
  return EstimateFloatGraph(imported.graph, target.chip, target.mode);
}

absl::Status Info(const InfoOptions& options) {
  ASSIGN_OR_RETURN(onnx::ModelProto model, LoadModel(options.model, ModelLimits()));
  const bool is_joint = HasManifest(model);
  const int64_t opset = OpsetVersion(model);
  v1::Manifest manifest;
  if (is_joint) {
    ASSIGN_OR_RETURN(manifest, ReadManifest(model, options.model));
  } else {
    manifest = DescribeFloatModel(model);
  }
  if (options.performance) {
    ASSIGN_OR_RETURN(*manifest.mutable_cost(), Estimate(options, manifest, std::move(model)));
  }
  const std::string json = absl::StrCat(ToJson(manifest, /*pretty=*/true), "\n");
  if (!options.output_json.empty()) RETURN_IF_ERROR(base::WriteFileAtomically(options.output_json, json));
  if (options.json) {
    std::cout << json;
    return absl::OkStatus();
  }
  std::error_code error;
  const auto bytes = std::filesystem::file_size(options.model, error);
  std::cout << "Information of " << std::filesystem::path(options.model).filename().string() << ":\n";
  PrintTensors(manifest);
  std::cout << absl::StrFormat("File Size: %.2f MB\nONNX Opset: %d\n", error ? 0 : static_cast<double>(bytes) / 1e6,
                               opset);
  if (is_joint) PrintManifest(manifest);
  if (options.performance) {
    std::cout << "\n" << FormatCostLayers(manifest.cost()) << "\n";
  }
  if (manifest.has_cost()) std::cout << FormatCost(manifest.cost());
  return absl::OkStatus();
}

}  // namespace

void AddInfoCommand(CLI::App& app, int& exit_code) {
  CLI::App* command = app.add_subcommand("info", "Show what a .joint or a float model is");
  auto options = std::make_shared<InfoOptions>();
  command->add_option("model", options->model, "M.joint or M.onnx")->required();
  command->add_flag("--json", options->json, "Print the manifest as JSON");
  command->add_option("--output_json,--output-json", options->output_json, "Write the manifest as JSON to this file");
  command->add_flag("--performance", options->performance, "Estimate time and memory on a target, layer by layer");
  command->add_option("--target", options->target, "CHIP or CHIP:MODE; default: what the .joint was built for");
  command->add_option("--target-file", options->target_file, "A target description of your own");
  command->add_option("--input-shape", options->input_shapes, "NAME:1x3x224x224, for a model that leaves shapes open")
      ->needs("--performance");
  command->footer(
      "Examples:\n  joineryc info mobilenetv2.joint\n"
      "  joineryc info mobilenetv2.onnx --performance --target AX630C:NPU1");
  command->callback([options, &exit_code] { exit_code = ReportModelCommand(Info(*options)); });
}

}  // namespace joinery::compiler
