// The text of a `pulsar build` configuration.
#include "compiler/configuration/pulsar_prototxt.h"
#include "tests/fuzz/configuration_round_trip.h"
#include "tests/fuzz/fuzz_target.h"

int LLVMFuzzerTestOneInput(const uint8_t* data, size_t size) {
  const auto configuration =
      joinery::compiler::ParsePulsarPrototxt({reinterpret_cast<const char*>(data), size}, "fuzz.prototxt");
  if (configuration.ok()) joinery::fuzz::CheckRoundTrips(*configuration);
  return 0;
}

std::vector<std::string> joinery::fuzz::Seeds() {
  return {
      "target_hardware: TARGET_HARDWARE_AX620\nsrc_input_tensors { color_space: TENSOR_COLOR_SPACE_RGB }\n"
      "neuwizard_conf { operator_conf { input_conf_items { attributes { input_modifications { affine_preprocess { "
      "slope: "
      "1 slope_divisor: 255 bias: 0 } } input_modifications { input_normalization { mean: [0.4,0.5,0.6] std: [0.2,0.3,"
      "0.4] } } } } } dataset_conf_calibration { path: \"c.tar\" size: 256 batch_size: 1 } }\n",
      "input_path: \"m.onnx\" # comment\npulsar_conf { ax620_virtual_npu: AX620_VIRTUAL_NPU_MODE_111 batch_size: 1 }\n",
      "neuwizard_conf { operator_conf { input_conf_items { selector { op_name_regex: \"in.*\" } attributes { type: "
      "FLOAT32 "
      "} } } }",
      "src_input_tensors { tensor_name: \"input\" color_space: TENSOR_COLOR_SPACE_RGB tensor_layout: NCHW } "
      "dst_input_tensors { tensor_name: \"input\" color_space: TENSOR_COLOR_SPACE_NV12 color_standard: "
      "CSS_ITU_BT601_FULL_SWING } dst_output_tensors { tensor_name: \"o\" tensor_layout: NHWC data_type: INT16 "
      "quantization_value: 64 } neuwizard_conf { operator_conf { output_conf_items { selector { op_name: \"o\" } "
      "attributes { output_modifications { affine_preprocess { slope: 2 bias: 1 } } } } operator_conf_items { selector "
      "{ "
      "op_name: \"c\" } attributes { input_feature_type: UINT16 weight_type: INT8 } } } dataset_conf_calibration { "
      "dataset_conf_items { selector { op_name: \"input\" } path: \"a.tar\" } dataset_conf_items { selector { op_name: "
      "\"state\" } path: \"b.tar\" } } } pulsar_conf { batch_size_option: BSO_DYNAMIC batch_size: [1, 2, 4] }\n",
  };
}
