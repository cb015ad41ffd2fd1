#include "compiler/configuration/pulsar_fields.h"

#include <algorithm>
#include <iterator>

#include "absl/strings/match.h"
#include "compiler/configuration/ignored_fields.h"

namespace joinery::compiler {
namespace {

// Leaves only. Paths of files are acted on by the program, everything else by TranslatePulsar.
constexpr absl::string_view kActedOn[] = {
    "input_path",
    "input_type",
    "output_path",
    "output_type",
    "target_hardware",
    "input_tensors.tensor_name",
    "input_tensors.color_space",
    "input_tensors.tensor_layout",
    "output_tensors.tensor_name",
    "output_tensors.color_space",
    "output_tensors.data_type",
    "output_tensors.tensor_layout",
    "output_tensors.quantization_value",
    "output_tensors.color_standard",
    "src_input_tensors.tensor_name",
    "src_input_tensors.color_space",
    "src_input_tensors.tensor_layout",
    "src_output_tensors.tensor_name",
    "src_output_tensors.tensor_layout",
    "dst_input_tensors.tensor_name",
    "dst_input_tensors.color_space",
    "dst_input_tensors.data_type",
    "dst_input_tensors.tensor_layout",
    "dst_input_tensors.quantization_value",
    "dst_input_tensors.color_standard",
    "dst_output_tensors.tensor_name",
    "dst_output_tensors.data_type",
    "dst_output_tensors.quantization_value",
    "dst_output_tensors.tensor_layout",
    "neuwizard_conf.operator_conf.output_conf_items.selector.op_name",
    "neuwizard_conf.operator_conf.output_conf_items.selector.op_name_regex",
    "neuwizard_conf.operator_conf.output_conf_items.attributes.output_modifications.affine_preprocess.slope",
    "neuwizard_conf.operator_conf.output_conf_items.attributes.output_modifications.affine_preprocess.slope_divisor",
    "neuwizard_conf.operator_conf.output_conf_items.attributes.output_modifications.affine_preprocess.bias",
    "neuwizard_conf.operator_conf.output_conf_items.attributes.output_modifications.affine_preprocess.bias_divisor",
    "neuwizard_conf.operator_conf.output_conf_items.attributes.output_modifications.input_normalization.mean",
    "neuwizard_conf.operator_conf.output_conf_items.attributes.output_modifications.input_normalization.std",
    "neuwizard_conf.operator_conf.input_conf_items.selector.op_name",
    "neuwizard_conf.operator_conf.input_conf_items.selector.op_name_regex",
    "neuwizard_conf.operator_conf.input_conf_items.attributes.type",
    "neuwizard_conf.operator_conf.input_conf_items.attributes.input_modifications.affine_preprocess.slope",
    "neuwizard_conf.operator_conf.input_conf_items.attributes.input_modifications.affine_preprocess.slope_divisor",
    "neuwizard_conf.operator_conf.input_conf_items.attributes.input_modifications.affine_preprocess.bias",
    "neuwizard_conf.operator_conf.input_conf_items.attributes.input_modifications.affine_preprocess.bias_divisor",
    "neuwizard_conf.operator_conf.input_conf_items.attributes.input_modifications.input_normalization.mean",
    "neuwizard_conf.operator_conf.input_conf_items.attributes.input_modifications.input_normalization.std",
    "neuwizard_conf.operator_conf.operator_conf_items.selector.op_name",
    "neuwizard_conf.operator_conf.operator_conf_items.selector.op_name_regex",
    "neuwizard_conf.operator_conf.operator_conf_items.attributes.input_feature_type",
    "neuwizard_conf.operator_conf.operator_conf_items.attributes.weight_type",
    "neuwizard_conf.dataset_conf_calibration.path",
    "neuwizard_conf.dataset_conf_calibration.type",
    "neuwizard_conf.dataset_conf_calibration.size",
    "neuwizard_conf.dataset_conf_calibration.calibration_strategy",
    "neuwizard_conf.dataset_conf_calibration.observer_method",
    "neuwizard_conf.dataset_conf_calibration.dataset_conf_items.selector.op_name",
    "neuwizard_conf.dataset_conf_calibration.dataset_conf_items.selector.op_name_regex",
    "neuwizard_conf.dataset_conf_calibration.dataset_conf_items.path",
    "pulsar_conf.batch_size_option",
    "pulsar_conf.batch_size",
    "pulsar_conf.virtual_npu",
    "pulsar_conf.ax620_virtual_npu",
    "joinery_conf.image_fit",
    "joinery_conf.preset",
    "joinery_conf.cross_layer_equalization",
    "joinery_conf.weight_rounding",
    "joinery_conf.bias_correction",
    "joinery_conf.scale_refinement",
    "joinery_conf.smooth_quant_strength",
    "joinery_conf.range_method",
    "joinery_conf.percentile",
    "joinery_conf.layer_configs.layer_names",
    "joinery_conf.layer_configs.layer_name_patterns",
    "joinery_conf.layer_configs.op_types",
    "joinery_conf.layer_configs.start_tensor_names",
    "joinery_conf.layer_configs.end_tensor_names",
    "joinery_conf.layer_configs.bits",
    "joinery_conf.target_cosine",
    "joinery_conf.target_sqnr_db",
    "joinery_conf.cut_tensors",
};

constexpr absl::string_view kStandardMeaning = "choose how YUV becomes RGB";
constexpr absl::string_view kStandardInstead = "the float model takes RGB, BGR or grey; say it of the deployed input";
constexpr absl::string_view kStepMeaning = "fix the scale of the quantized tensor";
constexpr absl::string_view kStepInstead =
    "calibration finds the scales inside, and an input takes its bytes as they are";
constexpr absl::string_view kOutputInstead = "an output keeps the float model's colours";

constexpr IgnoredField kIgnored[] = {
    {"enable_progress_bar", "show a progress bar", "the program decides by where its output goes"},
    {"input_tensors.data_type", "tell the type the float model takes", "the model itself tells it", "FLOAT32"},
    {"input_tensors.quantization_value", kStepMeaning, kStepInstead},
    {"input_tensors.color_standard", kStandardMeaning, kStandardInstead},
    {"src_input_tensors.data_type", "tell the type the float model takes", "the model itself tells it", "FLOAT32"},
    {"src_input_tensors.quantization_value", kStepMeaning, kStepInstead},
    {"src_input_tensors.color_standard", kStandardMeaning, kStandardInstead},
    {"src_output_tensors.color_space", "tell the colours the float model gives", kOutputInstead},
    {"src_output_tensors.data_type", "tell the type the float model gives", "the model itself tells it", "FLOAT32"},
    {"src_output_tensors.quantization_value", kStepMeaning, kOutputInstead},
    {"src_output_tensors.color_standard", kStandardMeaning, kOutputInstead},
    {"dst_output_tensors.color_space", "convert the colours of an output", kOutputInstead},
    {"dst_output_tensors.color_standard", kStandardMeaning, kOutputInstead},
    {"cpu_backend_settings", "choose what runs operators outside the NPU",
     "every operator is in the one ONNX graph, and what runs the artifact decides"},
    {"neuwizard_conf.operator_conf.operator_conf_items.attributes.lstm_mode", "choose what runs an LSTM",
     "every operator is in the one ONNX graph, and what runs the artifact decides"},
    {"neuwizard_conf.dataset_conf_calibration.batch_size", "calibrate so many samples at a time",
     "samples are taken one by one, which gives the same result"},
    {"neuwizard_conf.dataset_conf_calibration.dataset_output_type", "choose the colours calibration photos are read in",
     "they are read in the colours of the deployed input"},
    {"neuwizard_conf.dataset_conf_error_measurement", "measure the error on this data set",
     "the error is measured on the calibration set"},
    {"neuwizard_conf.evaluation_conf", "compare float and quantized layers",
     "the build compares the outputs; `joineryc run` compares more"},
    {"neuwizard_conf.task_conf", "search the number of bits for each operator",
     "joinery_conf.target_cosine and target_sqnr_db search for the layers that need 16 bits"},
    {"pulsar_conf.output_dir", "be the folder for what the build leaves beside the artifact",
     "nothing is left beside the artifact"},
    {"pulsar_conf.debug", "keep what the build makes on its way", "nothing of it is kept"},
};

}  // namespace

bool IsActedOn(absl::string_view path) {
  if (absl::StartsWith(path, "joinery_conf.deployment.")) return true;
  return std::find(std::begin(kActedOn), std::end(kActedOn), path) != std::end(kActedOn);
}

std::vector<std::string> DescribeIgnoredFields(const v1::pulsar::PulsarConfiguration& configuration) {
  return DescribeIgnored(configuration, kIgnored, IsActedOn);
}

}  // namespace joinery::compiler
