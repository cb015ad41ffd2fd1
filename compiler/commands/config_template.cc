#include "compiler/commands/config_template.h"

#include <onnx/onnx_pb.h>

#include <filesystem>

#include "absl/strings/str_cat.h"
#include "absl/strings/str_join.h"
#include "base/status.h"

namespace joinery::compiler {
namespace {

using ::joinery::v1::pulsar2::BuildConfig;

// In both notations, by the sign that begins a comment.
std::string PresetHelp(absl::string_view comment) {
  return absl::StrCat(comment, " How much time exactness is worth: PRESET_FAST, PRESET_BALANCED, PRESET_ACCURATE.\n");
}

// A line that says how to build with shapes that the dialect has no field for.
std::string ShapesHelp(const TemplateOptions& options) {
  if (options.input_shapes.empty()) return "";
  return absl::StrCat("# Build with --input-shape ", absl::StrJoin(options.input_shapes, " --input-shape "), ".\n");
}

std::string Shape(const ModelInput& input) { return absl::StrJoin(input.shape, "x"); }

// As torchvision prepares photos, in units of bytes.
constexpr absl::string_view kMean = "[123.675, 116.28, 103.53]";
constexpr absl::string_view kStd = "[58.395, 57.12, 57.375]";

std::string OutputName(const TemplateOptions& options) {
  return std::filesystem::path(options.model).stem().string() + ".joint";
}

// 0 for what is no picture.
int64_t Channels(const ModelInput& input) {
  if (CanBePicture(input, v1::LAYOUT_NCHW)) return input.shape[1];
  return CanBePicture(input, v1::LAYOUT_NHWC) ? input.shape[3] : 0;
}

bool IsFloat(const ModelInput& input) { return input.element_type == onnx::TensorProto::FLOAT; }

std::string ModelLayout(const ModelInput& input) { return CanBePicture(input, v1::LAYOUT_NCHW) ? "NCHW" : "NHWC"; }

absl::Status NoTarget(const TemplateOptions& options, absl::string_view known) {
  return absl::InvalidArgumentError(
      absl::StrCat("--target: \"", options.target, "\" is none of this dialect's; use ", known));
}

std::string PulsarInput(const ModelInput& input) {
  const int64_t channels = Channels(input);
  std::string text = absl::StrCat("\n# Input \"", input.name, "\", ", Shape(input), " in the float model.\n");
  if (channels == 0) {
    absl::StrAppend(&text, "# It is no picture: the artifact takes it as the model does.\n");
    if (!IsFloat(input)) return text;
    return absl::StrCat(text, "dst_input_tensors {\n  tensor_name: \"", input.name, "\"\n  data_type: FLOAT32\n}\n");
  }
  const std::string colors = channels == 1 ? "GRAY" : "RGB";
  absl::StrAppend(
      &text, "# What the float model takes; change the colours if it was trained on BGR.\n",
      "src_input_tensors {\n  tensor_name: \"", input.name, "\"\n  color_space: TENSOR_COLOR_SPACE_", colors,
      "\n  tensor_layout: ", ModelLayout(input), "\n}\n",
      "# What the artifact takes: bytes, as a camera gives them. Also TENSOR_COLOR_SPACE_BGR, _NV12, _NV21.\n",
      "dst_input_tensors {\n  tensor_name: \"", input.name, "\"\n  color_space: TENSOR_COLOR_SPACE_", colors,
      "\n  tensor_layout: NHWC\n  data_type: UINT8\n}\n");
  return text;
}

std::string PulsarSteps(const ModelInput& input) {
  const bool is_gray = Channels(input) == 1;
  return absl::StrCat(
      "    input_conf_items {\n      selector { op_name: \"", input.name, "\" }\n      attributes {\n",
      "        # y = (x - mean) / std, of bytes; these are torchvision's.\n",
      "        input_modifications { input_normalization {\n          mean: ", is_gray ? "127.5" : kMean,
      "\n          std: ", is_gray ? "127.5" : kStd, "\n        } }\n      }\n    }\n");
}

absl::StatusOr<std::string> PulsarTemplate(const TemplateOptions& options, const std::vector<ModelInput>& inputs) {
  const std::string target = options.target.empty() ? "AX620" : options.target;
  if (target != "AX620" && target != "AX630") return NoTarget(options, "AX620, AX630");
  std::string text =
      absl::StrCat("# Configuration of `pulsar build` and `joineryc build`. Paths begin at this file's folder.\n",
                   ShapesHelp(options), "input_path: \"", options.model, "\"\noutput_path: \"", OutputName(options),
                   "\"\ntarget_hardware: TARGET_HARDWARE_", target, "\n");
  for (const ModelInput& input : inputs) absl::StrAppend(&text, PulsarInput(input));
  absl::StrAppend(&text, "\nneuwizard_conf {\n  operator_conf {\n");
  for (const ModelInput& input : inputs) {
    if (Channels(input) > 0) absl::StrAppend(&text, PulsarSteps(input));
  }
  absl::StrAppend(
      &text, "  }\n  dataset_conf_calibration {\n", "    # A folder or an archive of photos, or of npy or bin files",
      inputs.size() > 1 ? "; with a folder for each input.\n" : ".\n", "    path: \"", options.calibration,
      "\"\n    type: DATASET_TYPE_TAR\n    # How many samples are used; 0: all.\n    size: 0\n  }\n}\n",
      "\npulsar_conf {\n  # The whole NPU: 0. Half of it, beside the camera's image processor: 111.\n  ",
      target == "AX620" ? "ax620_virtual_npu: AX620_VIRTUAL_NPU_MODE_0" : "virtual_npu: VIRTUAL_NPU_MODE_0",
      "\n}\n\n# Joinery's own settings.\njoinery_conf {\n  ", PresetHelp("#"), "  preset: PRESET_BALANCED\n}\n");
  return text;
}

std::string Pulsar2Input(const TemplateOptions& options, const ModelInput& input) {
  const int64_t channels = Channels(input);
  std::string text =
      absl::StrCat("      {\n        // ", Shape(input), " in the float model.\n        \"tensor_name\": \"",
                   input.name, "\",\n        // A folder or an archive.\n        \"calibration_dataset\": \"",
                   options.calibration, "\",\n        \"calibration_format\": \"", channels > 0 ? "Image" : "Numpy",
                   "\",\n        // -1: all samples.\n        \"calibration_size\": -1");
  if (channels > 0) {
    absl::StrAppend(&text, ",\n        // y = (x - mean) / std, of bytes; these are torchvision's.\n",
                    "        \"calibration_mean\": ", channels == 1 ? "[127.5]" : kMean,
                    ",\n        \"calibration_std\": ", channels == 1 ? "[127.5]" : kStd);
  }
  return absl::StrCat(text, "\n      }");
}

std::string Pulsar2Processor(const ModelInput& input) {
  const std::string colors = Channels(input) == 1 ? "GRAY" : "RGB";
  return absl::StrCat(
      "    {\n      \"tensor_name\": \"", input.name,
      "\",\n      // What the float model takes; BGR if it was trained on that.\n      \"tensor_format\": \"", colors,
      "\",\n      \"tensor_layout\": \"", ModelLayout(input),
      "\",\n      // What the artifact takes: bytes, as a camera gives them. For YUV420SP (NV12) and the like "
      "set\n      // csc_mode, too: FullRange or LimitedRange.\n      \"src_format\": \"",
      colors, "\",\n      \"src_layout\": \"NHWC\",\n      \"src_dtype\": \"U8\"\n    }");
}

absl::StatusOr<std::string> Pulsar2Template(const TemplateOptions& options, const std::vector<ModelInput>& inputs) {
  BuildConfig::HardwareType hardware = BuildConfig::AX620E;
  const std::string target = options.target.empty() ? "AX620E" : options.target;
  if (!BuildConfig::HardwareType_Parse(target, &hardware)) {
    return NoTarget(options, "AX650, AX620E, M76H, AX615, AX637, AX8860, M57");
  }
  std::vector<std::string> configs;
  std::vector<std::string> processors;
  for (const ModelInput& input : inputs) {
    configs.push_back(Pulsar2Input(options, input));
    if (Channels(input) > 0) processors.push_back(Pulsar2Processor(input));
  }
  return absl::StrCat(
      "// Configuration of `pulsar2 build` and `joineryc build`. Paths begin at the folder the program is started in "
      "or,\n",
      "// where nothing is there, at this file's.\n{\n  \"input\": \"", options.model,
      "\",\n  \"output_dir\": \"output\",\n  \"output_name\": \"", OutputName(options),
      "\",\n  \"target_hardware\": \"", target, "\",\n  \"input_shapes\": \"", absl::StrJoin(options.input_shapes, ";"),
      "\",\n  // How much of the NPU: NPU1 is the least.\n  \"npu_mode\": \"NPU1\",\n  \"quant\": {\n    "
      "\"input_configs\": [\n",
      absl::StrJoin(configs, ",\n"),
      "\n    ],\n    // MinMax, Percentile, MSE, KL.\n    \"calibration_method\": \"MSE\"\n  },\n",
      "  \"input_processors\": [\n", absl::StrJoin(processors, ",\n"), processors.empty() ? "" : "\n",
      "  ],\n  // Joinery's own settings.\n  \"joinery_conf\": {\n    ", PresetHelp("//"),
      "    \"preset\": \"PRESET_BALANCED\"\n  }\n}\n");
}

std::string JoineryInput(const ModelInput& input) {
  const int64_t channels = Channels(input);
  std::string text = absl::StrCat("  # Input \"", input.name, "\", ", Shape(input), " in the float model.\n");
  if (channels == 0) {
    absl::StrAppend(&text, "  # It is no picture: the artifact takes it as the model does.\n");
    if (!IsFloat(input)) return text;
    return absl::StrCat(text, "  inputs { name: \"", input.name, "\" element_type: ELEMENT_TYPE_FLOAT32 }\n");
  }
  const std::string colors = channels == 1 ? "GRAY" : "RGB";
  return absl::StrCat(
      text, "  inputs {\n    name: \"", input.name,
      "\"\n    # What the float model takes; COLOR_SPACE_BGR if it was trained on that.\n    model_color_space: "
      "COLOR_SPACE_",
      colors, "\n    model_layout: LAYOUT_", ModelLayout(input),
      "\n    # What the artifact takes. Also COLOR_SPACE_BGR, _NV12, _NV21, _YUYV, _UYVY, _BGRX, _RGBX.\n"
      "    color_space: COLOR_SPACE_",
      colors,
      "\n    layout: LAYOUT_NHWC\n    element_type: ELEMENT_TYPE_UINT8\n    # y = (x - mean) / std, of bytes; "
      "these are torchvision's.\n    preprocessing { normalization {\n      mean: ",
      channels == 1 ? "127.5" : kMean, "\n      std: ", channels == 1 ? "127.5" : kStd, "\n    } }\n  }\n");
}

std::string JoineryTemplate(const TemplateOptions& options, const std::vector<ModelInput>& inputs) {
  std::string text = absl::StrCat(
      "# Configuration of `joineryc build` in Joinery's own words. Paths begin at this file's folder.\n",
      ShapesHelp(options), "model: \"", options.model, "\"\noutput: \"", OutputName(options),
      "\"\n# A folder or an archive of photos, or of npy or bin files.\ncalibration: \"", options.calibration,
      "\"\ndeployment {\n  target { hardware: \"", options.target.empty() ? "ONNX_RUNTIME" : options.target, "\" }\n");
  for (const ModelInput& input : inputs) absl::StrAppend(&text, JoineryInput(input));
  return absl::StrCat(text, "}\njoinery_conf {\n  ", PresetHelp("#"), "  preset: PRESET_BALANCED\n}\n");
}

}  // namespace

absl::StatusOr<std::string> WriteTemplate(const TemplateOptions& options, const std::vector<ModelInput>& inputs) {
  if (options.dialect == Dialect::kPulsar) return PulsarTemplate(options, inputs);
  if (options.dialect == Dialect::kPulsar2) return Pulsar2Template(options, inputs);
  return JoineryTemplate(options, inputs);
}

}  // namespace joinery::compiler
