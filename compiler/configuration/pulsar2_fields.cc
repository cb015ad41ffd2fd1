#include "compiler/configuration/pulsar2_fields.h"

#include <algorithm>
#include <iterator>

#include "absl/strings/match.h"
#include "compiler/configuration/ignored_fields.h"
#include "compiler/configuration/pulsar_fields.h"

namespace joinery::compiler {
namespace {

// Leaves only. Paths of files are acted on by the program, everything else by TranslatePulsar2.
constexpr absl::string_view kActedOn[] = {
    "input",
    "output_dir",
    "output_name",
    "model_type",
    "target_hardware",
    "npu_mode",
    "input_shapes",
    "quant.input_configs.tensor_name",
    "quant.input_configs.calibration_dataset",
    "quant.input_configs.calibration_format",
    "quant.input_configs.calibration_size",
    "quant.input_configs.calibration_mean",
    "quant.input_configs.calibration_std",
    "quant.layer_configs.layer_name",
    "quant.layer_configs.layer_names",
    "quant.layer_configs.op_type",
    "quant.layer_configs.op_types",
    "quant.layer_configs.start_tensor_names",
    "quant.layer_configs.end_tensor_names",
    "quant.layer_configs.data_type",
    "quant.calibration_method",
    // Every report has what these ask for.
    "quant.precision_analysis",
    "quant.precision_analysis_method",
    "quant.highest_mix_precision",
    "quant.enable_smooth_quant",
    "quant.smooth_quant_strength",
    "quant.disable_auto_refine_scale",
    "quant.enable_easy_quant",
    "quant.disable_quant_optimization",
    "quant.enable_brecq",
    "quant.enable_lsq",
    "quant.enable_adaround",
    "input_processors.tensor_name",
    "input_processors.tensor_format",
    "input_processors.tensor_layout",
    "input_processors.src_format",
    "input_processors.src_layout",
    "input_processors.src_dtype",
    "input_processors.csc_mode",
    "input_processors.csc_mat",
    "input_processors.mean",
    "input_processors.std",
    // Refused where it asks for something.
    "input_processors.padding",
    "input_processors.slicing",
    "input_processors.scale",
    "input_processors.zeropoint",
    "output_processors.tensor_name",
    "output_processors.dst_perm",
    "output_processors.output_dtype",
    "const_processors.name",
    "const_processors.data",
    "const_processors.data_path",
    "op_processors.op_name",
    "op_processors.attrs.key",
    "op_processors.attrs.value",
    "compiler.static_batch_sizes",
    "compiler.max_dynamic_batch_size",
};

constexpr absl::string_view kOutputInstead = "dst_perm alone says what is turned";
constexpr absl::string_view kPaddingMeaning = "choose how an input is padded";
constexpr absl::string_view kPaddingInstead = "none is";
constexpr absl::string_view kTrainingMeaning = "steer the training of weights";
constexpr absl::string_view kTrainingInstead = "none are trained";

constexpr absl::string_view kCompilerMeaning = "steer the vendor's compiler";
constexpr absl::string_view kCompilerInstead = "the artifact is made without it";
constexpr absl::string_view kCheckMeaning = "choose how the vendor's compiler checks itself";
constexpr absl::string_view kCheckInstead = "every build compares the artifact with the float model";

constexpr IgnoredField kIgnored[] = {
    {"work_dir", "be the folder for what the build leaves beside the artifact", "nothing is left beside the artifact"},
    {"onnx_opt", "choose how the float model is simplified and checked",
     "it always is simplified, and always compared with what was given"},
    {"quant.layer_configs.output_data_type", "choose the format of a layer's output",
     "it is that of the layer that takes it"},
    {"quant.layer_configs.weight_data_type", "choose the format of a layer's weights", "it follows data_type", "S8"},
    {"quant.precision_analysis_mode", "choose what computes the analysis",
     "the artifact's own arithmetic in ONNX Runtime does"},
    {"quant.conv_bias_data_type", "choose the format of biases", "they are 32-bit integers", "S32"},
    {"quant.refine_weight_threshold", "choose which small weights are refined", "none are"},
    {"quant.smooth_quant_threshold", "choose by their outliers which tensors are smoothed",
     "every transformer block is, by smooth_quant_strength"},
    {"quant.transformer_opt_level", "choose how transformer blocks are optimized", "they always are recognised", "0"},
    {"quant.input_sample_dir", "give the samples of the precision analysis",
     "it is made on samples of the calibration set"},
    {"quant.ln_scale_data_type", "choose the format of the scale of layer normalization",
     "layer normalization has it in float32", "FP32"},
    {"quant.check", "check the types of nodes", "they always are checked"},
    {"quant.finetune_epochs", kTrainingMeaning, kTrainingInstead},
    {"quant.finetune_block_size", kTrainingMeaning, kTrainingInstead},
    {"quant.finetune_batch_size", kTrainingMeaning, kTrainingInstead},
    {"quant.finetune_lr", kTrainingMeaning, kTrainingInstead},
    {"quant.device", "choose where algorithms run", "they run on the CPU", "\"cpu\""},
    {"input_processors.src_extra_shapes", "add further input shapes", "the artifact has one shape"},
    {"input_processors.padding_mode", kPaddingMeaning, kPaddingInstead},
    {"input_processors.padding_constant_value", kPaddingMeaning, kPaddingInstead},
    {"output_processors.tensor_layout", "tell the layout the float model gives", kOutputInstead},
    // Refused by TranslatePulsar2.
    {"quant_op_processors", "change attributes of quantized operators", "they stay"},
    {"compiler.ddr_bw_limit", "limit the memory bandwidth of a simulation", kCompilerInstead},
    {"compiler.disable_ir_fix", "keep Reshape as it is when the batch grows", "those that name the batch are mended"},
    {"compiler.check", kCheckMeaning, kCheckInstead, "0"},
    {"compiler.check_mode", kCheckMeaning, kCheckInstead},
    {"compiler.check_rtol", kCheckMeaning, kCheckInstead},
    {"compiler.check_atol", kCheckMeaning, kCheckInstead},
    {"compiler.check_cosine_simularity", kCheckMeaning, kCheckInstead},
    {"compiler.check_tensor_black_list", kCheckMeaning, kCheckInstead},
    {"compiler.input_sample_dir", kCheckMeaning, kCheckInstead},
    {"compiler.npu_perf", kCompilerMeaning, kCompilerInstead},
    {"compiler.enable_slice_mode", kCompilerMeaning, kCompilerInstead},
    {"compiler.enable_tile_mode", kCompilerMeaning, kCompilerInstead},
    {"compiler.enable_data_soft_compression", kCompilerMeaning, kCompilerInstead},
    {"compiler.compiler_group_patterns", kCompilerMeaning, kCompilerInstead},
    {"compiler.start_tensor_names", kCompilerMeaning, kCompilerInstead},
    {"compiler.end_tensor_names", kCompilerMeaning, kCompilerInstead},
    {"compiler.sub_configs", kCompilerMeaning, kCompilerInstead},
    {"debug", "keep what the build makes on its way", "nothing of it is kept"},
};

}  // namespace

bool IsActedOnInPulsar2(absl::string_view path) {
  // The block is the same in both dialects.
  if (absl::StartsWith(path, "joinery_conf.")) return IsActedOn(path);
  return std::find(std::begin(kActedOn), std::end(kActedOn), path) != std::end(kActedOn);
}

std::vector<std::string> DescribeIgnoredPulsar2Fields(const v1::pulsar2::BuildConfig& configuration) {
  return DescribeIgnored(configuration, kIgnored, IsActedOnInPulsar2);
}

}  // namespace joinery::compiler
