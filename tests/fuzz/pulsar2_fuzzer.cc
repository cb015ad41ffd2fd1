// The text of a configuration of `pulsar2 build` or of Joinery's own: JSON, YAML or prototxt.
#include "compiler/configuration/configuration.h"
#include "tests/fuzz/configuration_round_trip.h"
#include "tests/fuzz/fuzz_target.h"

int LLVMFuzzerTestOneInput(const uint8_t* data, size_t size) {
  const absl::string_view text(reinterpret_cast<const char*>(data), size);
  for (const char* name : {"fuzz.json", "fuzz.yaml", "fuzz.prototxt"}) {
    const auto configuration = joinery::compiler::ParseConfiguration(text, name);
    if (configuration.ok()) joinery::fuzz::CheckRoundTrips(*configuration);
  }
  return 0;
}

std::vector<std::string> joinery::fuzz::Seeds() {
  return {
      "{\"target_hardware\": \"AX650\", \"npu_mode\": \"NPU1\", // comment\n\"quant\": {\"input_configs\": [{"
      "\"tensor_name\": \"DEFAULT\", \"calibration_dataset\": \"c.tar\", \"calibration_size\": 32, "
      "\"calibration_mean\": [103.939, 116.779, 123.68], \"calibration_std\": [58, 58.5, 5e1]}], "
      "\"layer_configs\": [{\"op_types\": [\"Add\"], \"data_type\": \"U16\"}], \"calibration_method\": \"MSE\"}, "
      "\"input_processors\": [{\"tensor_format\": \"BGR\", \"src_dtype\": \"U8\", \"src_layout\": \"NHWC\"}]}",
      "# yaml\nquant:\n  input_configs:\n    - calibration_mean: [1, 2.5, 3]\n      calibration_format: Image\n"
      "  enable_smooth_quant: true\njoinery_conf:\n  preset: PRESET_FAST\n  layer_configs:\n"
      "    - {layer_name_patterns: ['Conv.*'], bits: LAYER_BITS_16}\n",
      "quant { input_configs { calibration_mean: [1, 2, 3] calibration_size: -1 } enable_brecq: true } "
      "npu_mode: NPU2 op_processors { op_name: \"a\" attrs { key: \"b\" value: \"c\" } }",
      "{\"quant\": {\"input_configs\": [{\"tensor_name\": \"input\", \"calibration_dataset\": \"a.tar\"}, "
      "{\"tensor_name\": \"state\", \"calibration_dataset\": \"b.tar\", \"calibration_format\": \"NumpyObject\"}], "
      "\"layer_configs\": [{\"start_tensor_names\": [\"a\"], \"end_tensor_names\": [\"b\"], \"data_type\": "
      "\"FP32\"}]}, \"input_processors\": [{\"tensor_name\": \"input\", \"tensor_format\": \"BGR\", "
      "\"src_format\": \"YUV420SP\", \"src_dtype\": \"U8\", \"csc_mode\": \"Matrix\", \"csc_mat\": [1, 0, 1, 2, 1, "
      "-0.4, -0.7, 1, 1, 1.8, 0, 1]}], \"output_processors\": [{\"tensor_name\": \"o\", \"dst_perm\": [0, 2, 3, 1], "
      "\"output_dtype\": \"U8\"}], \"const_processors\": [{\"name\": \"k\", \"data\": [1, 2.5]}], "
      "\"compiler\": {\"max_dynamic_batch_size\": 4}}",
      "model: \"m.onnx\" calibration: \"c\" deployment { target { hardware: \"AX620E\" virtual_npu: \"NPU2\" } "
      "inputs { name: \"input\" color_space: COLOR_SPACE_YUYV element_type: ELEMENT_TYPE_UINT8 preprocessing { "
      "normalization { mean: [1, 2, 3] std: [4, 5, 6] } } } outputs { name: \"o\" permutation: [0, 2, 1] } "
      "batch { sizes: 4 } }",
  };
}
