// The text of a `pulsar2 build` configuration: JSON, YAML or prototxt.
#include "compiler/configuration/configuration.h"
#include "tests/fuzz/fuzz_target.h"

int LLVMFuzzerTestOneInput(const uint8_t* data, size_t size) {
  using namespace joinery::compiler;
  const absl::string_view text(reinterpret_cast<const char*>(data), size);
  for (const char* name : {"fuzz.json", "fuzz.yaml", "fuzz.prototxt"}) {
    const auto configuration = ParseConfiguration(text, name);
    if (!configuration.ok()) continue;
    (void)FilesOf(*configuration).ok();
    const auto translation = TranslateConfiguration(*configuration, {{"input", 1, {1, 3, 8, 8}}});
    if (!translation.ok()) continue;
    // What is written must be read again.
    const std::string written = FormatConfiguration(*configuration, translation->configuration);
    if (!ParseConfiguration(written, "written").ok()) __builtin_trap();
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
  };
}
