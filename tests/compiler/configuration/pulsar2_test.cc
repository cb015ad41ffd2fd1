#include "compiler/configuration/pulsar2.h"

#include <google/protobuf/text_format.h>
#include <google/protobuf/util/message_differencer.h>

#include "compiler/configuration/configuration.h"
#include "compiler/configuration/pulsar2_fields.h"
#include "tests/compiler/configuration/builders.h"
#include "tests/testing/status_matchers.h"

namespace joinery::compiler {
namespace {

using ::google::protobuf::util::MessageDifferencer;
using ::joinery::testing::IsOk;
using ::joinery::testing::StatusIs;
using ::joinery::v1::pulsar2::BuildConfig;
using ::testing::AllOf;
using ::testing::Contains;
using ::testing::ElementsAre;
using ::testing::HasSubstr;
using ::testing::IsEmpty;
using ::testing::Not;
using ::testing::StartsWith;

// The least configuration of the format's description, with comments of both kinds.
constexpr char kMinimal[] = R"({
  "model_type": "ONNX",
  "npu_mode": "NPU1",  // how much of it
  "quant": {
    "input_configs": [{
      "tensor_name": "DEFAULT",
      "calibration_dataset": "calib.tar",
      "calibration_size": 32,
      "calibration_mean": [123.675, 116.28, 103.53],  # of ImageNet
      "calibration_std": [58.395, 57.12, 57.375]
    }],
    "calibration_method": "MinMax"
  },
  "input_processors": [{
    "tensor_name": "DEFAULT", "tensor_format": "RGB", "src_format": "RGB", "src_dtype": "U8", "src_layout": "NHWC"
  }],
  /* nothing of it */ "compiler": {"check": 0}
})";

BuildConfig ParseJson(const std::string& text) {
  auto configuration = ParsePulsar2Json(text, "test.json");
  EXPECT_TRUE(configuration.ok()) << configuration.status();
  return configuration.ok() ? *configuration : BuildConfig();
}

Translation Translate(const std::string& text, const std::vector<ModelInput>& inputs = {Picture()}) {
  auto translation = TranslatePulsar2(ParseJson(text), inputs);
  EXPECT_TRUE(translation.ok()) << translation.status();
  return translation.ok() ? *translation : Translation();
}

std::string ToText(const google::protobuf::Message& message) {
  std::string text;
  google::protobuf::TextFormat::PrintToString(message, &text);
  return text;
}

std::string ToLine(const google::protobuf::Message& message) {
  std::string text;
  google::protobuf::TextFormat::Printer printer;
  printer.SetSingleLineMode(true);
  printer.PrintToString(message, &text);
  return text;
}

TEST(TranslatePulsar2Test, TheMinimalConfiguration) {
  const Translation translation = Translate(kMinimal);
  EXPECT_EQ(ToText(translation.configuration), R"(target {
  hardware: "AX650"
  virtual_npu: "NPU1"
}
inputs {
  name: "input.1"
  element_type: ELEMENT_TYPE_UINT8
  layout: LAYOUT_NHWC
  color_space: COLOR_SPACE_RGB
  model_color_space: COLOR_SPACE_RGB
  model_layout: LAYOUT_NCHW
  preprocessing {
    normalization {
      mean: 123.675
      mean: 116.28
      mean: 103.53
      std: 58.395
      std: 57.12
      std: 57.375
    }
  }
  model_shape: 1
  model_shape: 3
  model_shape: 224
  model_shape: 224
  model_element_type: 1
  sample_format: SAMPLE_FORMAT_DEPLOYED
}
calibration {
  max_samples: 32
  range_method: RANGE_METHOD_MIN_MAX
  weight_granularity: WEIGHT_GRANULARITY_PER_CHANNEL
  image_fit: IMAGE_FIT_COVER
  percentile: 99.99
}
quantization {
  preset: PRESET_BALANCED
  cross_layer_equalization: true
  weight_rounding: WEIGHT_ROUNDING_OUTPUT_ERROR_SHALLOW
  bias_correction: BIAS_CORRECTION_ANALYTIC
  evaluated_samples: 16
}
)");
  EXPECT_THAT(translation.warnings, IsEmpty());
}

TEST(TranslatePulsar2Test, AnEmptyConfigurationTakesTheVendorsDefaults) {
  const Translation translation = Translate("{}");
  const v1::InputConfiguration& input = translation.configuration.inputs(0);
  EXPECT_EQ(input.element_type(), v1::ELEMENT_TYPE_FLOAT32);
  EXPECT_EQ(input.layout(), v1::LAYOUT_NCHW);
  EXPECT_EQ(input.color_space(), v1::COLOR_SPACE_BGR);
  EXPECT_EQ(translation.configuration.calibration().max_samples(), 32);
  EXPECT_EQ(translation.configuration.calibration().range_method(), v1::RANGE_METHOD_MSE);
  EXPECT_THAT(translation.warnings,
              ElementsAre(HasSubstr("tensor_format: is not set"), HasSubstr("calibration_method: is not set: MSE")));
}

TEST(TranslatePulsar2Test, TheInputsOwnItemBeatsDefault) {
  const Translation translation = Translate(R"({
      "quant": {"calibration_method": "KL", "input_configs": [
        {"tensor_name": "left", "calibration_dataset": "c.tar", "calibration_mean": [1, 2, 3]},
        {"tensor_name": "DEFAULT", "calibration_dataset": "c.tar", "calibration_std": [4]}]},
      "input_processors": [
        {"tensor_name": "right", "tensor_format": "BGR", "src_format": "RGB", "mean": [1, 2, 3]},
        {"tensor_name": "DEFAULT", "tensor_format": "RGB", "src_dtype": "U8"}]})",
                                            {Picture("left"), Picture("right")});
  const v1::InputConfiguration& left = translation.configuration.inputs(0);
  EXPECT_EQ(left.element_type(), v1::ELEMENT_TYPE_UINT8);
  EXPECT_THAT(left.preprocessing(0).normalization().mean(), ElementsAre(1.0F, 2.0F, 3.0F));
  EXPECT_THAT(left.preprocessing(0).normalization().std(), ElementsAre(1.0F));
  const v1::InputConfiguration& right = translation.configuration.inputs(1);
  EXPECT_EQ(right.element_type(), v1::ELEMENT_TYPE_FLOAT32);
  EXPECT_EQ(right.color_space(), v1::COLOR_SPACE_RGB);
  EXPECT_EQ(right.model_color_space(), v1::COLOR_SPACE_BGR);
  // Given in the order of tensor_format, BGR; applied to what is deployed, RGB.
  EXPECT_THAT(right.preprocessing(0).normalization().mean(), ElementsAre(3.0F, 2.0F, 1.0F));
  EXPECT_THAT(right.preprocessing(0).normalization().std(), ElementsAre(4.0F));
  EXPECT_THAT(translation.warnings,
              ElementsAre(AllOf(HasSubstr("input_processors[0].src_format"), HasSubstr("swaps"))));
}

TEST(TranslatePulsar2Test, WhatIsNoPictureStaysAsTheModelHasIt) {
  const Translation translation = Translate(kMinimal, {{"state", kFloat, {2, 64}}, {"sr", kInt64, {}}});
  EXPECT_EQ(translation.configuration.inputs(0).layout(), v1::LAYOUT_NATIVE);
  EXPECT_EQ(translation.configuration.inputs(0).preprocessing_size(), 0);
  EXPECT_EQ(translation.configuration.inputs(1).element_type(), v1::ELEMENT_TYPE_NATIVE);
  EXPECT_THAT(translation.warnings, Contains(AllOf(HasSubstr("calibration_mean: has no effect on input \"state\""))));
}

// A setting, and a part of what the configuration becomes, as one line of text.
struct Setting {
  std::string name;
  std::string text;
  std::string reaches;
};

class Pulsar2SettingTest : public ::testing::TestWithParam<Setting> {};

TEST_P(Pulsar2SettingTest, ReachesTheBuild) {
  EXPECT_THAT(ToLine(Translate("{}").configuration), Not(HasSubstr(GetParam().reaches)));
  EXPECT_THAT(ToLine(Translate(GetParam().text).configuration), HasSubstr(GetParam().reaches));
}

std::string Quant(const std::string& fields) { return "{\"quant\": {" + fields + "}}"; }
std::string Layer(const std::string& fields) { return Quant("\"layer_configs\": [{" + fields + "}]"); }
std::string Processor(const std::string& fields) { return "{\"input_processors\": [{" + fields + "}]}"; }
std::string Input(const std::string& fields) { return Quant("\"input_configs\": [{" + fields + "}]"); }

INSTANTIATE_TEST_SUITE_P(
    , Pulsar2SettingTest,
    ::testing::ValuesIn<Setting>({
        {"Hardware", R"({"target_hardware": "AX620E"})", "hardware: \"AX620E\""},
        {"NpuMode", R"({"npu_mode": "NPU3"})", "virtual_npu: \"NPU3\""},
        {"MinMax", Quant(R"("calibration_method": "MinMax")"), "RANGE_METHOD_MIN_MAX"},
        {"Percentile", Quant(R"("calibration_method": "Percentile")"), "RANGE_METHOD_PERCENTILE"},
        {"Kl", Quant(R"("calibration_method": "KL")"), "RANGE_METHOD_ENTROPY"},
        {"OwnMethodBeatsIt",
         R"({"quant": {"calibration_method": "KL"}, "joinery_conf": {"range_method": "RANGE_METHOD_MOVING_AVERAGE"}})",
         "RANGE_METHOD_MOVING_AVERAGE"},
        {"AllSamples", Input(R"("calibration_size": -1)"), "calibration { range_method"},
        {"FewSamples", Input(R"("calibration_size": 7)"), "max_samples: 7"},
        {"LayerName", Layer(R"("layer_name": "Conv_1", "data_type": "U16")"),
         "layers { node_names: \"Conv_1\" bits: LAYER_BITS_16 }"},
        {"LayerNames", Layer(R"("layer_names": ["a", "b"], "data_type": "S16")"),
         "layers { node_names: \"a\" node_names: \"b\" bits: LAYER_BITS_16 }"},
        {"OpType", Layer(R"("op_type": "Add", "data_type": "FP32")"),
         "layers { op_types: \"Add\" bits: LAYER_BITS_FLOAT }"},
        {"OpTypes", Layer(R"("op_types": ["Add", "Mul"])"),
         "layers { op_types: \"Add\" op_types: \"Mul\" bits: LAYER_BITS_8 }"},
        {"Tensors", Layer(R"("start_tensor_names": ["a"], "end_tensor_names": ["b"], "data_type": "U16")"),
         "layers { start_tensors: \"a\" end_tensors: \"b\" bits: LAYER_BITS_16 }"},
        {"FromTheInputs", Layer(R"("start_tensor_names": ["DEFAULT"], "end_tensor_names": ["b"], "data_type": "U16")"),
         "layers { end_tensors: \"b\" bits: LAYER_BITS_16 }"},
        {"WholeModel",
         Layer(R"("start_tensor_names": ["DEFAULT"], "end_tensor_names": ["DEFAULT"], "data_type": "U16")"),
         "layers { bits: LAYER_BITS_16 }"},
        {"HighestMixPrecision", Quant(R"("highest_mix_precision": true)"), "layers { bits: LAYER_BITS_16 }"},
        {"OwnLayersComeLast",
         R"({"quant": {"layer_configs": [{"op_type": "Add"}]},
             "joinery_conf": {"layer_configs": [{"layer_name_patterns": ["C.*"], "bits": "LAYER_BITS_16"}]}})",
         "layers { op_types: \"Add\" bits: LAYER_BITS_8 } layers { node_name_patterns: \"C.*\" bits: LAYER_BITS_16 }"},
        {"SmoothQuant", Quant(R"("enable_smooth_quant": true)"), "smooth_quant_strength: 0.6"},
        {"SmoothQuantStrength", Quant(R"("enable_smooth_quant": true, "smooth_quant_strength": 0.25)"),
         "smooth_quant_strength: 0.25"},
        {"AdaRound", Quant(R"("enable_adaround": true)"), "WEIGHT_ROUNDING_OUTPUT_ERROR bias"},
        {"Brecq", Quant(R"("enable_brecq": true)"), "scale_refinement: true"},
        {"Lsq", Quant(R"("enable_lsq": true)"), "scale_refinement: true"},
        {"EasyQuant", Quant(R"("enable_easy_quant": true)"), "scale_refinement: true"},
        {"NoOptimization", Quant(R"("disable_quant_optimization": true)"), "PRESET_BALANCED weight_rounding"},
        {"NoRefinement",
         R"({"quant": {"disable_auto_refine_scale": true}, "joinery_conf": {"preset": "PRESET_ACCURATE"}})",
         "BIAS_CORRECTION_ANALYTIC float_fallback_cosine"},
        {"Preset", R"({"joinery_conf": {"preset": "PRESET_FAST"}})", "PRESET_FAST"},
        {"TargetCosine", R"({"joinery_conf": {"target_cosine": 0.998}})", "target_cosine: 0.998"},
        {"Bytes", Processor(R"("src_dtype": "U8")"), "ELEMENT_TYPE_UINT8"},
        {"Nhwc", Processor(R"("src_layout": "NHWC")"), "layout: LAYOUT_NHWC"},
        {"Rgb", Processor(R"("tensor_format": "RGB")"),
         "color_space: COLOR_SPACE_RGB model_color_space: COLOR_SPACE_RGB"},
        {"Mean", Processor(R"("mean": [1, 2, 3], "std": [2])"), "mean: 1 mean: 2 mean: 3 std: 2"},
    }),
    [](const auto& test) { return test.param.name; });

struct Bad {
  std::string name;
  std::string text;
  std::string beginning;
  std::string message;
};

class Pulsar2RefusedTest : public ::testing::TestWithParam<Bad> {};

TEST_P(Pulsar2RefusedTest, NamesTheField) {
  EXPECT_THAT(TranslatePulsar2(ParseJson(GetParam().text), {Picture("x")}),
              StatusIs(absl::StatusCode::kInvalidArgument,
                       AllOf(StartsWith(GetParam().beginning), HasSubstr(GetParam().message))));
}

INSTANTIATE_TEST_SUITE_P(
    , Pulsar2RefusedTest,
    ::testing::ValuesIn<Bad>({
        {"QuantAxModel", R"({"model_type": "QuantAxModel"})", "model_type: ", "ONNX"},
        {"ModeOfAnotherChip", R"({"target_hardware": "AX620E", "npu_mode": "NPU3"})", "npu_mode: ", "NPU1, NPU2"},
        {"NoSuchInput", Input(R"("tensor_name": "data")"), "quant.input_configs[0].tensor_name: ", "its inputs are x"},
        {"NoSuchProcessorInput", Processor(R"("tensor_name": "y")"), "input_processors[0].tensor_name: ", "x"},
        {"NoSamples", Input(R"("calibration_size": 0)"), "quant.input_configs[0].calibration_size: ", "-1 for all"},
        {"TwoMeans", Input(R"("calibration_mean": [1, 2])"), "quant.input_configs[0].calibration_mean: ", "1 or 3"},
        {"StdZero", Processor(R"("std": [1, 0, 1])"), "input_processors[0].std[1]: ", "is 0"},
        {"YuvWithoutMode", Processor(R"("src_format": "NV12")"), "input_processors[0].csc_mode: ", "LimitedRange"},
        {"YuvOfFloats", Processor(R"("src_format": "NV12", "csc_mode": "FullRange")"),
         "input_processors[0].src_format: ", "which is bytes"},
        {"ShortMatrix", Processor(R"("src_format": "NV12", "src_dtype": "U8", "csc_mode": "Matrix", "csc_mat": [1])"),
         "input_processors[0].csc_mat: ", "give 12"},
        {"Gray", Processor(R"("tensor_format": "GRAY")"), "input_processors[0].tensor_format: ", "3 channels"},
        {"Csc", Processor(R"("csc_mode": "FullRange")"), "input_processors[0].csc_mode: ", "NoCSC"},
        {"Padding", Processor(R"("padding": [1, 1])"), "input_processors[0].padding: ", "not supported"},
        {"Int64", Processor(R"("src_dtype": "S64")"), "input_processors[0].src_dtype: ", "FP16 or FP32"},
        {"ImpossibleLayout", Processor(R"("tensor_layout": "NHWC")"),
         "input_processors[0].tensor_layout: ", "1x3x224x224"},
        {"QuantOpProcessors", R"({"quant_op_processors": [{"op_name": "a", "attrs": {"axis": 1}}]})",
         "quant_op_processors: ", "not supported"},
        {"LayerOfNothing", Layer(R"("data_type": "U16")"), "quant.layer_configs[0]: ", "names no layers"},
        {"LayerTwice", Layer(R"("layer_name": "a", "op_type": "Add")"), "quant.layer_configs[0]: ", "twice"},
        {"StartWithoutEnd", Layer(R"("start_tensor_names": ["a"])"), "quant.layer_configs[0]: ", "DEFAULT"},
        {"LayerOfFourBytes", Layer(R"("op_type": "Add", "data_type": "S32")"),
         "quant.layer_configs[0].data_type: ", "S32"},
        {"Strength", Quant(R"("smooth_quant_strength": 2)"), "quant.smooth_quant_strength: ", "between 0 and 1"},
        {"OwnPercentile", R"({"joinery_conf": {"percentile": 12}})", "joinery_conf.percentile: ", "12"},
    }),
    [](const auto& test) { return test.param.name; });

class Pulsar2BadTextTest : public ::testing::TestWithParam<Bad> {};

TEST_P(Pulsar2BadTextTest, IsRefusedWithItsPlace) {
  EXPECT_THAT(ParsePulsar2Json(GetParam().text, "c.json"),
              StatusIs(absl::StatusCode::kInvalidArgument,
                       AllOf(StartsWith("c.json:" + GetParam().beginning), HasSubstr(GetParam().message))));
}

INSTANTIATE_TEST_SUITE_P(
    , Pulsar2BadTextTest,
    ::testing::ValuesIn<Bad>({
        {"Empty", "", "1:1: ", "end of input"},
        {"MissingComma", "{\n  \"input\": \"a\"\n  \"quant\": {}}", "3:", "expected"},
        {"TrailingComma", "{\"input\": \"a\",}", "1:15: ", "unexpected '}'"},
        {"OpenComment", "{\n /* \"input\": 1 }", "2:2: ", "no end"},
        {"OpenString", "{\"input\": \"a }", "1:", "missing closing quote"},
        {"Binary", std::string("{\"input\": \"a\0\"}", 15), "1:13: ", "not text"},
        {"NotAnObject", "[1, 2]", " the configuration: ", "an object"},
        {"UnknownField", R"({"quant": {"input_configs": [{"calibration_sise": 1}]}})",
         " quant.input_configs[0].calibration_sise: ", "did you mean \"calibration_size\"?"},
        {"UnknownValue", R"({"quant": {"calibration_method": "minmax"}})",
         " quant.calibration_method: ", "did you mean \"MinMax\"?"},
        {"ValueOutOfEnum", R"({"npu_mode": 17})", " npu_mode: ", "known are NPU1"},
        {"TextForNumber", R"({"quant": {"input_configs": [{"calibration_size": "many"}]}})",
         " quant.input_configs[0].calibration_size: ", "a whole number"},
        {"FractionForNumber", R"({"compiler": {"check": 1.5}})", " compiler.check: ", "a whole number"},
        {"NumberTooLarge", R"({"compiler": {"check": 4294967296}})", " compiler.check: ", "32 bits"},
        {"FloatTooLarge", R"({"input_processors": [{"mean": [1e300]}]})", " input_processors[0].mean[0]: ", "32-bit"},
        {"DoubleTooLarge", R"({"joinery_conf": {"percentile": 1e999}})", " number overflow", "1e999"},
        {"NumberForText", R"({"input": 1})", " input: ", "a string"},
        {"NumberForBool", R"({"quant": {"precision_analysis": 2}})", " quant.precision_analysis: ", "true or false"},
        {"ScalarForList", R"({"input_processors": [{"mean": 1}]})", " input_processors[0].mean: ", "a list"},
        {"ListForBlock", R"({"quant": []})", " quant: ", "an object"},
        {"KeyTwice", R"({"quant": {"check": 1, "check": 0}})", " ", "\"check\" is given twice"},
    }),
    [](const auto& test) { return test.param.name; });

TEST(ParsePulsar2JsonTest, DeepNestingIsAnErrorNotACrash) {
  for (const char* opening : {"[", "{\"a\":", "{\"compiler\":{\"sub_configs\":["}) {
    std::string text;
    for (int i = 0; i < 20'000; ++i) text += opening;
    EXPECT_THAT(ParsePulsar2Json(text, "c"), StatusIs(absl::StatusCode::kInvalidArgument, HasSubstr("nested deeper")));
  }
}

TEST(ParsePulsar2JsonTest, MoreThanTheLimitIsRefusedUnread) {
  EXPECT_THAT(ParsePulsar2Json(std::string((1 << 20) + 1, ' '), "c"),
              StatusIs(absl::StatusCode::kInvalidArgument, HasSubstr("the limit is 1048576")));
}

TEST(ParsePulsar2JsonTest, CommentsInStringsAreText) {
  EXPECT_EQ(ParseJson(R"({"input": "http://a/#b/*c*/\"//"})").input(), "http://a/#b/*c*/\"//");
}

class Pulsar2RoundTripTest : public ::testing::TestWithParam<Setting> {};

TEST_P(Pulsar2RoundTripTest, TranslatesToTheSameAndWritesTheSame) {
  const std::vector<ModelInput> inputs = {Picture("a"), Picture("b"), {"state", kFloat, {2, 64}}, {"n", kInt64, {}}};
  const BuildConfig source = ParseJson(GetParam().text);
  ASSERT_OK_AND_ASSIGN(const Translation first, TranslatePulsar2(source, inputs));
  const std::string text = FormatPulsar2(source, first.configuration);
  const BuildConfig full = ParseJson(text);
  ASSERT_OK_AND_ASSIGN(const Translation second, TranslatePulsar2(full, inputs));
  EXPECT_TRUE(MessageDifferencer::Equals(first.configuration, second.configuration)) << text;
  EXPECT_EQ(FormatPulsar2(full, second.configuration), text);
}

INSTANTIATE_TEST_SUITE_P(, Pulsar2RoundTripTest,
                         ::testing::ValuesIn<Setting>({
                             {"Empty", "{}", ""},
                             {"Minimal", kMinimal, ""},
                             {"Everything",
                              R"({"target_hardware": "AX8860", "npu_mode": "NPU4", "quant": {
               "input_configs": [{"tensor_name": "a", "calibration_size": -1, "calibration_mean": [1, 2, 3]},
                                 {"tensor_name": "b", "calibration_size": -1}, {"calibration_size": -1}],
               "layer_configs": [{"op_type": "Add", "data_type": "U16"}, {"layer_names": ["x", "y"]}],
               "highest_mix_precision": true, "enable_smooth_quant": true, "enable_brecq": true},
             "input_processors": [
               {"tensor_name": "a", "tensor_format": "BGR", "src_format": "RGB", "src_layout": "NHWC", "std": [4, 5, 6]},
               {"tensor_name": "state", "src_dtype": "U8", "mean": [3]}],
             "joinery_conf": {"preset": "PRESET_ACCURATE", "range_method": "RANGE_METHOD_MOVING_AVERAGE",
               "target_sqnr_db": 22.5, "layer_configs": [{"layer_name_patterns": ["C.*"], "bits": "LAYER_BITS_16"}]}})",
                              ""},
                             {"NothingOptimized",
                              R"({"quant": {"disable_quant_optimization": true, "calibration_method": "Percentile"}})",
                              ""},
                         }),
                         [](const auto& test) { return test.param.name; });

TEST(FormatPulsar2Test, TheMinimalConfigurationInFull) {
  const BuildConfig source = ParseJson(kMinimal);
  ASSERT_OK_AND_ASSIGN(const Translation translation, TranslatePulsar2(source, {Picture()}));
  const std::string text = FormatPulsar2(source, translation.configuration);
  for (const char* line : {"\"target_hardware\": \"AX650\"", "\"npu_mode\": \"NPU1\"", "\"tensor_name\": \"input.1\"",
                           "\"tensor_layout\": \"NCHW\"", "\"calibration_method\": \"MinMax\"", "123.675",
                           "\"preset\": \"PRESET_BALANCED\"", "\"cross_layer_equalization\": \"SWITCH_ON\"",
                           "\"weight_rounding\": \"SWITCH_PRESET\"", "\"smooth_quant_strength\": 0"}) {
    EXPECT_THAT(text, HasSubstr(line));
  }
}

TEST(ApplyPulsar2OverridesTest, TheCommandLineBeatsTheFile) {
  BuildConfig configuration = ParseJson(kMinimal);
  ASSERT_THAT(ApplyOverrides(Pulsar2Overrides{{"quant.calibration_method", {"MSE"}},
                                              {"quant.precision_analysis", {"1"}},
                                              {"quant.enable_brecq", {""}},
                                              {"quant.smooth_quant_strength", {"0.5"}},
                                              {"quant.refine_weight_threshold", {"-1"}},
                                              {"compiler.static_batch_sizes", {"1", "4"}},
                                              {"npu_mode", {"NPU2"}},
                                              {"target_hardware", {"AX620E"}}},
                             configuration),
              IsOk());
  EXPECT_EQ(configuration.quant().calibration_method(), v1::pulsar2::QuantConfig::MSE);
  EXPECT_TRUE(configuration.quant().precision_analysis());
  EXPECT_TRUE(configuration.quant().enable_brecq());
  EXPECT_FLOAT_EQ(configuration.quant().smooth_quant_strength(), 0.5F);
  EXPECT_FLOAT_EQ(configuration.quant().refine_weight_threshold(), -1.0F);
  EXPECT_THAT(configuration.compiler().static_batch_sizes(), ElementsAre(1, 4));
  EXPECT_EQ(configuration.npu_mode(), BuildConfig::NPU2);
  EXPECT_EQ(configuration.target_hardware(), BuildConfig::AX620E);
  EXPECT_EQ(configuration.quant().input_configs_size(), 1);
}

TEST(ApplyPulsar2OverridesTest, OptionsBeatWhatTheFileSaysInJoinerysWords) {
  BuildConfig configuration = ParseJson(R"({"joinery_conf": {"range_method": "RANGE_METHOD_ENTROPY",
      "weight_rounding": "SWITCH_OFF", "scale_refinement": "SWITCH_OFF", "smooth_quant_strength": 0.9}})");
  ASSERT_THAT(ApplyOverrides(Pulsar2Overrides{{"quant.calibration_method", {"MSE"}},
                                              {"quant.enable_brecq", {}},
                                              {"quant.enable_smooth_quant", {}}},
                             configuration),
              IsOk());
  ASSERT_OK_AND_ASSIGN(const Translation translation, TranslatePulsar2(configuration, {Picture()}));
  const v1::Quantization& quantization = translation.configuration.quantization();
  EXPECT_EQ(translation.configuration.calibration().range_method(), v1::RANGE_METHOD_MSE);
  EXPECT_EQ(quantization.weight_rounding(), v1::WEIGHT_ROUNDING_OUTPUT_ERROR);
  EXPECT_TRUE(quantization.scale_refinement());
  EXPECT_FLOAT_EQ(static_cast<float>(quantization.smooth_quant_strength()), 0.6F);
}

TEST(ApplyPulsar2OverridesTest, ErrorsNameTheOptionAndChangeNothing) {
  for (const auto& [path, value, message] : std::vector<std::tuple<std::string, std::string, std::string>>{
           {"quant.calibration_method", "minmax", "did you mean \"MinMax\"?"},
           {"quant.precision_analysis", "perhaps", "true or false"},
           {"quant.smooth_quant_strength", "much", "a number"},
           {"quant.finetune_epochs", "1e3", "a whole number"}}) {
    BuildConfig configuration = ParseJson(kMinimal);
    EXPECT_THAT(
        ApplyOverrides(Pulsar2Overrides{{"npu_mode", {"NPU2"}}, {path, {value}}}, configuration),
        StatusIs(absl::StatusCode::kInvalidArgument, AllOf(StartsWith("--" + path + ": "), HasSubstr(message))));
    EXPECT_EQ(configuration.SerializeAsString(), ParseJson(kMinimal).SerializeAsString());
  }
}

TEST(Pulsar2OptionsTest, HasEveryScalarOfQuant) {
  std::vector<std::string> paths;
  for (const Pulsar2Option& option : Pulsar2Options()) paths.push_back(option.path);
  EXPECT_THAT(paths, Contains("quant.calibration_method"));
  EXPECT_THAT(paths, Contains("compiler.check_cosine_simularity"));
  EXPECT_THAT(paths, Contains("npu_mode"));
  EXPECT_THAT(paths, Not(Contains("quant.input_configs")));
  EXPECT_THAT(paths, Not(Contains("target_hardware")));
}

// A configuration in which nothing but one leaf is set, as text: "quant { check: 9 }".
std::string OnlyLeaf(const google::protobuf::FieldDescriptor& field) {
  using Field = google::protobuf::FieldDescriptor;
  // 3 is no value that any field has anyway.
  if (field.cpp_type() == Field::CPPTYPE_ENUM) return field.name() + ": 3";
  if (field.cpp_type() == Field::CPPTYPE_STRING) return field.name() + ": \"s\"";
  return field.name() + (field.cpp_type() == Field::CPPTYPE_BOOL ? ": true" : ": 9");
}

struct Leaf {
  std::string path;
  std::string text;
};

void CollectLeaves(const google::protobuf::Descriptor& descriptor, const Leaf& parent, int depth,
                   std::vector<Leaf>& leaves) {
  for (int i = 0; i < descriptor.field_count(); ++i) {
    const auto& field = *descriptor.field(i);
    if (field.message_type() == nullptr) {
      const std::string closing(static_cast<size_t>(depth), '}');
      leaves.push_back({parent.path + field.name(), parent.text + OnlyLeaf(field) + closing});
    } else if (depth < 4) {
      const Leaf block{parent.path + field.name() + ".", parent.text + field.name() + " { "};
      CollectLeaves(*field.message_type(), block, depth + 1, leaves);
    }
  }
}

TEST(Pulsar2FieldsTest, NoFieldOfTheSchemaIsDroppedSilently) {
  std::vector<Leaf> leaves;
  CollectLeaves(*BuildConfig::descriptor(), {}, 0, leaves);
  ASSERT_GT(leaves.size(), 100);
  for (const Leaf& leaf : leaves) {
    BuildConfig configuration;
    ASSERT_TRUE(google::protobuf::TextFormat::ParseFromString(leaf.text, &configuration)) << leaf.text;
    const std::vector<std::string> sentences = DescribeIgnoredPulsar2Fields(configuration);
    EXPECT_EQ(sentences.empty(), IsActedOnInPulsar2(leaf.path)) << leaf.text;
    // Each has an explanation of its own.
    EXPECT_THAT(sentences, Not(Contains(HasSubstr("has no effect")))) << leaf.text;
  }
}

}  // namespace
}  // namespace joinery::compiler
