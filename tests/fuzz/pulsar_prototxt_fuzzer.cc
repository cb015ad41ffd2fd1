// The text of a `pulsar build` configuration.
#include "compiler/configuration/pulsar_prototxt.h"
#include "tests/fuzz/fuzz_target.h"

int LLVMFuzzerTestOneInput(const uint8_t* data, size_t size) {
  using namespace joinery::compiler;
  const auto configuration = ParsePulsarPrototxt({reinterpret_cast<const char*>(data), size}, "fuzz.prototxt");
  if (!configuration.ok()) return 0;
  const auto translation = TranslatePulsar(*configuration, {{"input", 1, {1, 3, 8, 8}}});
  if (!translation.ok()) return 0;
  // What is written must be read again, and mean the same.
  const std::string text = FormatPulsar(*configuration, translation->configuration);
  const auto again = ParsePulsarPrototxt(text, "written.prototxt");
  if (!again.ok()) __builtin_trap();
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
  };
}
