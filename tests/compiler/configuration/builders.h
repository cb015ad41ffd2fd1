// Configurations and inputs that several tests use.
#pragma once

#include <gtest/gtest.h>

#include <string>
#include <vector>

#include "compiler/configuration/pulsar_prototxt.h"

namespace joinery::compiler {

// The example at the end of section 10 of the format's description, list syntax and comment included.
constexpr char kGuide[] = R"(# MobileNetV2
input_type: INPUT_TYPE_ONNX
output_type: OUTPUT_TYPE_JOINT
target_hardware: TARGET_HARDWARE_AX620
cpu_backend_settings {
  onnx_setting { mode: DISABLED }
  axe_setting { mode: ENABLED axe_param { optimize_slim_model: true } }
}
src_input_tensors { color_space: TENSOR_COLOR_SPACE_RGB }
dst_input_tensors { color_space: TENSOR_COLOR_SPACE_RGB }
neuwizard_conf {
  operator_conf { input_conf_items { attributes {
    input_modifications { affine_preprocess { slope: 1 slope_divisor: 255 bias: 0 } }
    input_modifications { input_normalization { mean: [0.485,0.456,0.406] std: [0.229,0.224,0.225] } }
  } } }
  dataset_conf_calibration { path: "calib.tar" type: DATASET_TYPE_TAR size: 256 batch_size: 1 }
}
dst_output_tensors { tensor_layout: NHWC }
pulsar_conf { ax620_virtual_npu: AX620_VIRTUAL_NPU_MODE_111 batch_size: 1 }
)";

constexpr int32_t kFloat = 1;  // onnx::TensorProto::FLOAT
constexpr int32_t kInt64 = 7;  // onnx::TensorProto::INT64

inline ModelInput Picture(const std::string& name = "input.1") { return {name, kFloat, {1, 3, 224, 224}}; }

inline v1::pulsar::PulsarConfiguration Parse(const std::string& text) {
  auto configuration = ParsePulsarPrototxt(text, "test.prototxt");
  EXPECT_TRUE(configuration.ok()) << configuration.status();
  return configuration.ok() ? *configuration : v1::pulsar::PulsarConfiguration();
}

}  // namespace joinery::compiler
