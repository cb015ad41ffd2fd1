#include "compiler/configuration/joinery_conf.h"

#include <google/protobuf/text_format.h>

#include "compiler/configuration/presets.h"
#include "tests/compiler/configuration/builders.h"
#include "tests/testing/status_matchers.h"

namespace joinery::compiler {
namespace {

using ::testing::ElementsAre;
using ::testing::HasSubstr;
using ::testing::IsEmpty;
using ::testing::Not;

v1::BuildConfiguration Translate(const std::string& text) {
  const auto translation = TranslatePulsar(Parse(text), {Picture()});
  EXPECT_TRUE(translation.ok()) << translation.status();
  return translation.ok() ? translation->configuration : v1::BuildConfiguration();
}

std::string ToText(const google::protobuf::Message& message) {
  std::string text;
  google::protobuf::TextFormat::Printer printer;
  printer.SetSingleLineMode(true);
  printer.PrintToString(message, &text);
  return text;
}

// A setting, and a part of what the configuration becomes, as one line of text.
struct Setting {
  std::string name;
  std::string text;
  std::string reaches;
};

class SettingTest : public ::testing::TestWithParam<Setting> {};

TEST_P(SettingTest, ReachesTheBuild) {
  const std::string without = ToText(Translate(""));
  EXPECT_THAT(without, Not(HasSubstr(GetParam().reaches)));
  EXPECT_THAT(ToText(Translate(GetParam().text)), HasSubstr(GetParam().reaches));
}

std::string Own(const std::string& settings) { return "joinery_conf { " + settings + " }"; }

INSTANTIATE_TEST_SUITE_P(
    , SettingTest,
    ::testing::ValuesIn<Setting>({
        {"Fast", Own("preset: PRESET_FAST"), "preset: PRESET_FAST"},
        {"Accurate", Own("preset: PRESET_ACCURATE"), "preset: PRESET_ACCURATE"},
        {"AccurateRounds", Own("preset: PRESET_ACCURATE"), "WEIGHT_ROUNDING_OUTPUT_ERROR bias"},
        {"AccurateFallsBack", Own("preset: PRESET_ACCURATE"), "float_fallback_cosine: 0.99"},
        {"EqualizationOff", Own("cross_layer_equalization: SWITCH_OFF"), "PRESET_BALANCED weight_rounding"},
        {"RoundingOn", Own("weight_rounding: SWITCH_ON"), "WEIGHT_ROUNDING_OUTPUT_ERROR bias"},
        {"ToNearest", Own("weight_rounding: SWITCH_OFF"), "WEIGHT_ROUNDING_NEAREST"},
        {"FastRoundsToNearest", Own("preset: PRESET_FAST"), "WEIGHT_ROUNDING_NEAREST"},
        {"RoundingOff", Own("preset: PRESET_ACCURATE weight_rounding: SWITCH_OFF"),
         "preset: PRESET_ACCURATE cross_layer_equalization: true weight_rounding: WEIGHT_ROUNDING_NEAREST"},
        {"BiasesAsTheyAre", Own("bias_correction: BIAS_CORRECTION_OFF"), "BIAS_CORRECTION_OFF"},
        {"Sequential", Own("bias_correction: BIAS_CORRECTION_SEQUENTIAL"), "BIAS_CORRECTION_SEQUENTIAL"},
        {"Refinement", Own("scale_refinement: SWITCH_ON"), "scale_refinement: true"},
        {"SmoothQuant", Own("smooth_quant_strength: 0.5"), "smooth_quant_strength: 0.5"},
        {"MinMax", Own("range_method: RANGE_METHOD_MIN_MAX"), "RANGE_METHOD_MIN_MAX"},
        {"MovingAverage", Own("range_method: RANGE_METHOD_MOVING_AVERAGE"), "RANGE_METHOD_MOVING_AVERAGE"},
        {"Percentile", Own("range_method: RANGE_METHOD_PERCENTILE percentile: 99.9"), "percentile: 99.9 }"},
        {"Entropy", Own("range_method: RANGE_METHOD_ENTROPY"), "RANGE_METHOD_ENTROPY"},
        {"ObserverMinMax", "neuwizard_conf { dataset_conf_calibration { observer_method: OBSVR_METHOD_MIN_MAX } }",
         "RANGE_METHOD_MIN_MAX"},
        {"OwnMethodBeatsTheObserver",
         "neuwizard_conf { dataset_conf_calibration { observer_method: OBSVR_METHOD_MIN_MAX } }" +
             Own("range_method: RANGE_METHOD_ENTROPY"),
         "RANGE_METHOD_ENTROPY"},
        {"LayerNames", Own("layer_configs { layer_names: \"Conv_12\" bits: LAYER_BITS_16 }"),
         "layers { node_names: \"Conv_12\" bits: LAYER_BITS_16 }"},
        {"LayerPatterns", Own("layer_configs { layer_name_patterns: \"Conv_.*\" bits: LAYER_BITS_FLOAT }"),
         "layers { node_name_patterns: \"Conv_.*\" bits: LAYER_BITS_FLOAT }"},
        {"OpTypes", Own("layer_configs { op_types: \"Add\" op_types: \"Mul\" bits: LAYER_BITS_8 }"),
         "layers { op_types: \"Add\" op_types: \"Mul\" bits: LAYER_BITS_8 }"},
        {"Tensors", Own("layer_configs { start_tensor_names: \"a\" end_tensor_names: \"b\" bits: LAYER_BITS_16 }"),
         "layers { start_tensors: \"a\" end_tensors: \"b\" bits: LAYER_BITS_16 }"},
        {"TargetCosine", Own("target_cosine: 0.998"), "target_cosine: 0.998"},
        {"TargetSqnr", Own("target_sqnr_db: 22"), "target_sqnr_db: 22"},
    }),
    [](const auto& test) { return test.param.name; });

TEST(OperatorConfItemsTest, AreLayersBeforeThoseOfJoineryConf) {
  const v1::BuildConfiguration configuration = Translate(R"(
      neuwizard_conf { operator_conf {
        operator_conf_items { attributes { input_feature_type: UINT16 weight_type: INT8 } }
        operator_conf_items { selector { op_name: "Conv_0" } attributes { weight_type: INT16 } }
        operator_conf_items { selector { op_name_regex: "Soft.*" } attributes { input_feature_type: FLOAT32 } }
        operator_conf_items { selector { op_name: "LSTM_3" } attributes { lstm_mode: LSTM_MODE_CPU } }
      } }
      joinery_conf { layer_configs { op_types: "Gemm" bits: LAYER_BITS_8 } })");
  std::vector<std::string> layers;
  for (const v1::LayerFormat& layer : configuration.quantization().layers()) layers.push_back(ToText(layer));
  EXPECT_THAT(layers, ElementsAre("bits: LAYER_BITS_16 ", "node_names: \"Conv_0\" bits: LAYER_BITS_16 ",
                                  "node_name_patterns: \"Soft.*\" bits: LAYER_BITS_FLOAT ",
                                  "op_types: \"Gemm\" bits: LAYER_BITS_8 "));
}

TEST(PresetsTest, LeaveNothingUnspecified) {
  for (const v1::Preset preset : {v1::PRESET_FAST, v1::PRESET_BALANCED, v1::PRESET_ACCURATE}) {
    const v1::Quantization quantization = PresetQuantization(preset);
    EXPECT_EQ(quantization.preset(), preset);
    EXPECT_NE(quantization.weight_rounding(), v1::WEIGHT_ROUNDING_UNSPECIFIED);
    EXPECT_NE(quantization.bias_correction(), v1::BIAS_CORRECTION_UNSPECIFIED);
    EXPECT_THAT(quantization.layers(), IsEmpty());
  }
}

}  // namespace
}  // namespace joinery::compiler
