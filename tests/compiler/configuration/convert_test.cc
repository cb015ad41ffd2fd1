#include "compiler/configuration/convert.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include "tests/compiler/configuration/builders.h"
#include "tests/compiler/configuration/round_trips.h"
#include "tests/testing/status_matchers.h"

namespace joinery::compiler {
namespace {

using ::testing::Contains;
using ::testing::HasSubstr;

constexpr char kMinimalPulsar2[] = R"({"model_type":"ONNX","npu_mode":"NPU1","quant":{"input_configs":[
  {"tensor_name":"DEFAULT","calibration_dataset":"calib.tar","calibration_size":32,"calibration_mean":[1, 2, 3],
   "calibration_std":[4, 5, 6]}],"calibration_method":"MinMax"},"input_processors":[{"tensor_name":"DEFAULT",
   "tensor_format":"RGB","src_format":"RGB","src_dtype":"U8","src_layout":"NHWC"}],"compiler":{"check":0}})";

constexpr char kNv12Pulsar2[] = R"({"target_hardware": "AX620E", "npu_mode": "NPU2",
  "quant": {"input_configs": [{"tensor_name": "x", "calibration_dataset": "c.tar", "calibration_mean": [103, 116, 123],
                               "calibration_std": [58, 58, 58]}],
            "layer_configs": [{"op_types": ["Softmax"], "data_type": "FP32"},
                              {"layer_names": ["a", "b"], "data_type": "U16"}]},
  "input_processors": [{"tensor_name": "x", "tensor_format": "BGR", "src_format": "YUV420SP", "src_dtype": "U8",
                        "src_layout": "NHWC", "csc_mode": "FullRange"}],
  "output_processors": [{"tensor_name": "y", "dst_perm": [0, 2, 3, 1], "output_dtype": "U8"}],
  "op_processors": [{"op_name": "pool", "attrs": {"ceil_mode": 0}}],
  "compiler": {"static_batch_sizes": [1, 2, 4]}})";

constexpr char kNv21Pulsar[] = R"(
  target_hardware: TARGET_HARDWARE_AX630
  src_input_tensors { color_space: TENSOR_COLOR_SPACE_RGB }
  dst_input_tensors { color_space: TENSOR_COLOR_SPACE_NV21 color_standard: CSS_ITU_BT601_FULL_SWING }
  dst_output_tensors { data_type: INT16 quantization_value: 256 }
  neuwizard_conf {
    operator_conf { operator_conf_items { attributes { input_feature_type: UINT16 weight_type: INT8 } } }
    dataset_conf_calibration { path: "c.tar" calibration_strategy: CALIB_STRATEGY_PER_TENSOR }
  }
  pulsar_conf { virtual_npu: VIRTUAL_NPU_MODE_311 batch_size: 4 }
)";

// What is said of all outputs, and something else of one.
constexpr char kOutputsPulsar[] = R"(
  dst_output_tensors { data_type: INT16 quantization_value: 64 }
  dst_output_tensors { tensor_name: "o" data_type: FLOAT32 tensor_layout: NHWC }
  neuwizard_conf { operator_conf {
    output_conf_items { attributes { output_modifications { affine_preprocess { slope: 2 bias: 1 } } } }
    output_conf_items { selector { op_name: "o" }
                        attributes { output_modifications { affine_preprocess { slope: 3 } } } }
  } }
)";

// What pulsar2 calls all outputs.
constexpr char kNamedDefaultPulsar[] = R"(
  dst_output_tensors { tensor_name: "o" data_type: INT8 quantization_value: 4 }
  dst_output_tensors { tensor_name: "DEFAULT" tensor_layout: NHWC }
)";

constexpr char kEditsPulsar2[] = R"({"op_processors": [
  {"op_name": "a", "attrs": {"z": 1, "b": 2}}, {"op_name": "a", "attrs": {"b": 3}}, {"op_name": "c", "attrs": {"b": "[1]"}},
  {"op_name": "a", "attrs": {"c": 4}}], "const_processors": [{"name": "k", "data": [1, 2.5]}]})";

// Of all others, and it changes nothing about them.
constexpr char kEmptyOutput[] = R"(joinery_conf { deployment { outputs { } batch { sizes: 4 } } })";

struct Case {
  const char* name;
  const char* text;
};

void PrintTo(const Case& c, std::ostream* out) { *out << c.name; }

class ConversionTest : public ::testing::TestWithParam<Case> {};

TEST_P(ConversionTest, ChangesNothing) { ExpectRoundTrips(GetParam().text); }

INSTANTIATE_TEST_SUITE_P(, ConversionTest,
                         ::testing::ValuesIn<Case>({{"Guide", kGuide},
                                                    {"MinimalPulsar2", kMinimalPulsar2},
                                                    {"Nv12Pulsar2", kNv12Pulsar2},
                                                    {"Nv21Pulsar", kNv21Pulsar},
                                                    {"OutputsPulsar", kOutputsPulsar},
                                                    {"NamedDefaultPulsar", kNamedDefaultPulsar},
                                                    {"EditsPulsar2", kEditsPulsar2},
                                                    {"EmptyOutput", kEmptyOutput}}),
                         [](const auto& test) { return test.param.name; });

TEST(ConvertTest, WhatTheOtherDialectCannotSayIsWarnedOf) {
  ASSERT_OK_AND_ASSIGN(const Converted converted,
                       ConvertConfiguration(Configuration(Parse(kGuide)), {Picture()}, Dialect::kPulsar2));
  EXPECT_THAT(converted.warnings, Contains(HasSubstr("target: pulsar2 has no words for its hardware")));
  EXPECT_THAT(converted.warnings, Contains(HasSubstr("cpu_backend_settings is not acted on")));
}

}  // namespace
}  // namespace joinery::compiler
