#include <google/protobuf/util/message_differencer.h>

#include "tests/compiler/configuration/builders.h"
#include "tests/testing/status_matchers.h"

namespace joinery::compiler {
namespace {

using ::google::protobuf::util::MessageDifferencer;

constexpr char kGuideInFull[] = R"(input_type: INPUT_TYPE_ONNX
output_type: OUTPUT_TYPE_JOINT
target_hardware: TARGET_HARDWARE_AX620
src_input_tensors {
  tensor_name: "input.1"
  color_space: TENSOR_COLOR_SPACE_RGB
  tensor_layout: NCHW
}
dst_input_tensors {
  tensor_name: "input.1"
  color_space: TENSOR_COLOR_SPACE_RGB
  data_type: UINT8
  quantization_value: 0
  color_standard: CSC_LEGACY
  tensor_layout: NHWC
}
dst_output_tensors {
  data_type: FLOAT32
  quantization_value: 0
  tensor_layout: NHWC
}
cpu_backend_settings {
  onnx_setting {
    mode: DISABLED
  }
  axe_setting {
    mode: ENABLED
    axe_param {
      optimize_slim_model: true
    }
  }
}
neuwizard_conf {
  operator_conf {
    input_conf_items {
      selector {
        op_name: "input.1"
      }
      attributes {
        type: UINT8
        input_modifications {
          affine_preprocess {
            slope: 0.00392156886
            slope_divisor: 1
            bias: 0
            bias_divisor: 1
          }
        }
        input_modifications {
          input_normalization {
            mean: [0.485, 0.456, 0.406]
            std: [0.229, 0.224, 0.225]
          }
        }
      }
    }
  }
  dataset_conf_calibration {
    path: "calib.tar"
    type: DATASET_TYPE_TAR
    size: 256
    batch_size: 1
    calibration_strategy: CALIB_STRATEGY_PER_CHANNEL
    observer_method: OBSVR_METHOD_MSE_CLIPPING
  }
}
pulsar_conf {
  virtual_npu: VIRTUAL_NPU_MODE_AUTO
  ax620_virtual_npu: AX620_VIRTUAL_NPU_MODE_111
  batch_size_option: BSO_AUTO
  batch_size: 1
}
joinery_conf {
  image_fit: IMAGE_FIT_COVER
  preset: PRESET_BALANCED
  cross_layer_equalization: SWITCH_ON
  weight_rounding: SWITCH_PRESET
  bias_correction: BIAS_CORRECTION_ANALYTIC
  scale_refinement: SWITCH_OFF
  smooth_quant_strength: 0
  range_method: RANGE_METHOD_MSE
  percentile: 99.99
  target_cosine: 0
  target_sqnr_db: 0
}
)";

TEST(FormatPulsarTest, TheGuidesExampleInFull) {
  const v1::pulsar::PulsarConfiguration source = Parse(kGuide);
  ASSERT_OK_AND_ASSIGN(const Translation translation, TranslatePulsar(source, {Picture()}));
  EXPECT_EQ(FormatPulsar(source, translation.configuration), kGuideInFull);
}

struct RoundTrip {
  std::string name;
  std::string text;
  std::vector<ModelInput> inputs;
};

class RoundTripTest : public ::testing::TestWithParam<RoundTrip> {};

TEST_P(RoundTripTest, TranslatesToTheSameAndWritesTheSame) {
  const v1::pulsar::PulsarConfiguration source = Parse(GetParam().text);
  ASSERT_OK_AND_ASSIGN(const Translation first, TranslatePulsar(source, GetParam().inputs));
  const std::string text = FormatPulsar(source, first.configuration);
  const v1::pulsar::PulsarConfiguration full = Parse(text);
  ASSERT_OK_AND_ASSIGN(const Translation second, TranslatePulsar(full, GetParam().inputs));
  EXPECT_TRUE(MessageDifferencer::Equals(first.configuration, second.configuration)) << text;
  EXPECT_EQ(FormatPulsar(full, second.configuration), text);
}

INSTANTIATE_TEST_SUITE_P(
    , RoundTripTest,
    ::testing::ValuesIn<RoundTrip>({
        {"Guide", kGuide, {Picture()}},
        {"Empty", "", {Picture()}},
        {"NoInputs", "", {}},
        {"Fast", "joinery_conf { preset: PRESET_FAST bias_correction: BIAS_CORRECTION_OFF }", {Picture()}},
        {"Accurate", "joinery_conf { preset: PRESET_ACCURATE range_method: RANGE_METHOD_ENTROPY }", {Picture()}},
        {"EveryAlgorithmTheOtherWay",
         R"(joinery_conf {
              preset: PRESET_ACCURATE cross_layer_equalization: SWITCH_OFF weight_rounding: SWITCH_OFF
              bias_correction: BIAS_CORRECTION_SEQUENTIAL scale_refinement: SWITCH_OFF smooth_quant_strength: 0.6
              range_method: RANGE_METHOD_PERCENTILE percentile: 99.9 target_cosine: 0.998 target_sqnr_db: 22.5
              layer_configs { layer_names: "Conv_1" bits: LAYER_BITS_16 }
              layer_configs { layer_name_patterns: ["Conv_.*", "Add_[0-9]"] op_types: "Gemm" bits: LAYER_BITS_FLOAT }
              layer_configs { start_tensor_names: "a" end_tensor_names: ["b", "c"] } })",
         {Picture()}},
        {"OperatorItems",
         R"(neuwizard_conf { operator_conf {
              operator_conf_items { attributes { input_feature_type: UINT16 weight_type: INT8 } }
              operator_conf_items { selector { op_name: "Conv_0" } attributes { input_feature_type: UINT8 } }
              operator_conf_items { selector { op_name_regex: "Softmax.*" } attributes { input_feature_type: FLOAT32 } }
            } }
            joinery_conf { layer_configs { layer_names: "Conv_1" bits: LAYER_BITS_16 } })",
         {Picture()}},
        {"MovingAverage", "joinery_conf { range_method: RANGE_METHOD_MOVING_AVERAGE }", {Picture()}},
        {"LegacyNames",
         "input_tensors { color_space: TENSOR_COLOR_SPACE_RGB } output_tensors { data_type: FLOAT32 }",
         {Picture("a"), Picture("b")}},
        {"SeveralKindsOfInput",
         R"(target_hardware: TARGET_HARDWARE_AX630
            src_input_tensors { tensor_layout: NHWC tensor_name: "image" }
            dst_input_tensors { tensor_name: "image" tensor_layout: NCHW }
            dst_input_tensors { tensor_name: "state" data_type: UINT8 }
            neuwizard_conf {
              operator_conf { input_conf_items { selector { op_name: "image" } attributes {
                input_modifications { affine_preprocess { slope: [0.1, 0.2, 0.3] slope_divisor: 3 bias_divisor: 7 } } } } }
              dataset_conf_calibration {
                size: 3 observer_method: OBSVR_METHOD_MIN_MAX calibration_strategy: CALIB_STRATEGY_PER_TENSOR } }
            pulsar_conf { virtual_npu: VIRTUAL_NPU_MODE_312 }
            joinery_conf { image_fit: IMAGE_FIT_STRETCH })",
         {{"image", kFloat, {1, 3, 5, 3}}, {"state", kFloat, {2, 64}}, {"quote\"d\n", kInt64, {}}}},
    }),
    [](const auto& test) { return test.param.name; });

}  // namespace
}  // namespace joinery::compiler
