#include <google/protobuf/text_format.h>

#include "compiler/configuration/pulsar_fields.h"
#include "tests/compiler/configuration/builders.h"
#include "tests/testing/status_matchers.h"

namespace joinery::compiler {
namespace {

using ::joinery::testing::StatusIs;
using ::testing::AllOf;
using ::testing::Contains;
using ::testing::ElementsAre;
using ::testing::HasSubstr;
using ::testing::IsEmpty;
using ::testing::Not;

Translation Translate(const std::string& text, const std::vector<ModelInput>& inputs) {
  auto translation = TranslatePulsar(Parse(text), inputs);
  EXPECT_TRUE(translation.ok()) << translation.status();
  return translation.ok() ? *translation : Translation();
}

std::string ToText(const google::protobuf::Message& message) {
  std::string text;
  google::protobuf::TextFormat::PrintToString(message, &text);
  return text;
}

constexpr char kRgb[] = R"(
  src_input_tensors { color_space: TENSOR_COLOR_SPACE_RGB }
  dst_input_tensors { color_space: TENSOR_COLOR_SPACE_RGB }
)";

TEST(TranslatePulsarTest, TheGuidesExample) {
  EXPECT_EQ(ToText(Translate(kGuide, {Picture()}).configuration), R"(target {
  hardware: "AX620"
  virtual_npu: "111"
}
inputs {
  name: "input.1"
  element_type: ELEMENT_TYPE_UINT8
  layout: LAYOUT_NHWC
  color_space: COLOR_SPACE_RGB
  model_color_space: COLOR_SPACE_RGB
  model_layout: LAYOUT_NCHW
  preprocessing {
    affine {
      scale: 0.00392156886
      bias: 0
    }
  }
  preprocessing {
    normalization {
      mean: 0.485
      mean: 0.456
      mean: 0.406
      std: 0.229
      std: 0.224
      std: 0.225
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
  max_samples: 256
  range_method: RANGE_METHOD_MSE
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
outputs {
  permutation: 0
  permutation: 2
  permutation: 3
  permutation: 1
  layout: LAYOUT_NHWC
}
)");
}

TEST(TranslatePulsarTest, TheGuidesExampleWarnsOfExactlyWhatIsNotActedOn) {
  EXPECT_THAT(Translate(kGuide, {Picture()}).warnings,
              ElementsAre(HasSubstr("cpu_backend_settings is not acted on"),
                          HasSubstr("neuwizard_conf.dataset_conf_calibration.batch_size: 1 is not acted on")));
}

TEST(TranslatePulsarTest, AnEmptyConfigurationTakesBgrAndSaysSo) {
  const Translation translation = Translate("", {Picture()});
  const v1::InputConfiguration& input = translation.configuration.inputs(0);
  EXPECT_EQ(input.color_space(), v1::COLOR_SPACE_BGR);
  EXPECT_EQ(input.model_color_space(), v1::COLOR_SPACE_BGR);
  EXPECT_EQ(input.element_type(), v1::ELEMENT_TYPE_UINT8);
  EXPECT_EQ(translation.configuration.target().hardware(), "ONNX_RUNTIME");
  EXPECT_EQ(translation.configuration.target().virtual_npu(), "AUTO");
  EXPECT_THAT(translation.warnings,
              ElementsAre(AllOf(HasSubstr("src_input_tensors.color_space"), HasSubstr("\"input.1\""), HasSubstr("BGR")),
                          AllOf(HasSubstr("dst_input_tensors.color_space"), HasSubstr("BGR"))));
}

TEST(TranslatePulsarTest, OneChannelIsGray) {
  const Translation translation = Translate("", {{"x", kFloat, {1, 1, 28, 28}}});
  EXPECT_EQ(translation.configuration.inputs(0).color_space(), v1::COLOR_SPACE_GRAY);
  EXPECT_EQ(translation.configuration.inputs(0).model_color_space(), v1::COLOR_SPACE_GRAY);
  EXPECT_THAT(translation.warnings, IsEmpty());
}

TEST(TranslatePulsarTest, ChannelsLastModelIsNhwc) {
  const Translation translation = Translate(kRgb, {{"x", kFloat, {1, 96, 96, 3}}});
  EXPECT_EQ(translation.configuration.inputs(0).model_layout(), v1::LAYOUT_NHWC);
  EXPECT_EQ(translation.configuration.inputs(0).layout(), v1::LAYOUT_NHWC);
}

TEST(TranslatePulsarTest, LayoutOfTheSourceDecidesWhereTheShapeDoesNot) {
  const ModelInput ambiguous{"x", kFloat, {1, 3, 32, 3}};
  EXPECT_EQ(Translate(kRgb, {ambiguous}).configuration.inputs(0).model_layout(), v1::LAYOUT_NCHW);
  const std::string nhwc = std::string(kRgb) + "src_input_tensors { tensor_layout: NHWC }";
  EXPECT_EQ(Translate(nhwc, {ambiguous}).configuration.inputs(0).model_layout(), v1::LAYOUT_NHWC);
}

TEST(TranslatePulsarTest, DeployedInputCanBeFloatAndNchw) {
  const std::string text = std::string(kRgb) + "dst_input_tensors { data_type: FLOAT32 tensor_layout: NCHW }";
  const Translation translation = Translate(text, {Picture()});
  EXPECT_EQ(translation.configuration.inputs(0).element_type(), v1::ELEMENT_TYPE_FLOAT32);
  EXPECT_EQ(translation.configuration.inputs(0).layout(), v1::LAYOUT_NCHW);
  EXPECT_THAT(translation.warnings, IsEmpty());
}

TEST(TranslatePulsarTest, LegacyNamesMeanSourceAndDeployedInputs) {
  const Translation translation = Translate(
      "input_tensors { color_space: TENSOR_COLOR_SPACE_RGB } output_tensors { color_space: TENSOR_COLOR_SPACE_BGR }",
      {Picture()});
  EXPECT_EQ(translation.configuration.inputs(0).model_color_space(), v1::COLOR_SPACE_RGB);
  EXPECT_EQ(translation.configuration.inputs(0).color_space(), v1::COLOR_SPACE_BGR);
}

TEST(TranslatePulsarTest, ConfWithoutNameBeatsConfWithName) {
  const Translation translation = Translate(R"(
      src_input_tensors { color_space: TENSOR_COLOR_SPACE_RGB }
      src_input_tensors { tensor_name: "a" color_space: TENSOR_COLOR_SPACE_BGR }
      dst_input_tensors { tensor_name: "a" color_space: TENSOR_COLOR_SPACE_BGR }
      dst_input_tensors { tensor_name: "b" color_space: TENSOR_COLOR_SPACE_RGB }
      )",
                                            {Picture("a"), Picture("b")});
  EXPECT_EQ(translation.configuration.inputs(0).model_color_space(), v1::COLOR_SPACE_RGB);
  EXPECT_EQ(translation.configuration.inputs(0).color_space(), v1::COLOR_SPACE_BGR);
  EXPECT_EQ(translation.configuration.inputs(1).color_space(), v1::COLOR_SPACE_RGB);
}

TEST(TranslatePulsarTest, EachInputGetsItsOwnSteps) {
  const Translation translation = Translate(std::string(kRgb) + R"(
      neuwizard_conf { operator_conf {
        input_conf_items { selector { op_name: "left" } attributes {
          input_modifications { affine_preprocess { slope: [1, 2, 3] slope_divisor: 2 bias: 6 bias_divisor: [1, 2, 3] } } } }
        input_conf_items { selector { op_name_regex: "ri.*" } attributes {
          type: FLOAT32 input_modifications { input_normalization { std: 4 } } } }
        input_conf_items { attributes { input_modifications { input_normalization { mean: 7 } } } }
      } })",
                                            {Picture("left"), Picture("right")});
  const v1::InputConfiguration& left = translation.configuration.inputs(0);
  ASSERT_EQ(left.preprocessing_size(), 2);
  EXPECT_THAT(left.preprocessing(0).affine().scale(), ElementsAre(0.5F, 1.0F, 1.5F));
  EXPECT_THAT(left.preprocessing(0).affine().bias(), ElementsAre(6.0F, 3.0F, 2.0F));
  EXPECT_EQ(left.element_type(), v1::ELEMENT_TYPE_UINT8);
  const v1::InputConfiguration& right = translation.configuration.inputs(1);
  ASSERT_EQ(right.preprocessing_size(), 2);
  EXPECT_THAT(right.preprocessing(0).normalization().mean(), ElementsAre(0.0F));
  EXPECT_THAT(right.preprocessing(0).normalization().std(), ElementsAre(4.0F));
  EXPECT_THAT(right.preprocessing(1).normalization().mean(), ElementsAre(7.0F));
  EXPECT_EQ(right.element_type(), v1::ELEMENT_TYPE_FLOAT32);
}

TEST(TranslatePulsarTest, WhatIsNoPictureStaysAsTheModelHasIt) {
  const Translation translation = Translate(std::string(kRgb) + R"(
      neuwizard_conf { operator_conf { input_conf_items { attributes {
        input_modifications { affine_preprocess { slope_divisor: 255 } } } } } })",
                                            {{"state", kFloat, {2, 1, 128}}, {"sr", kInt64, {}}});
  const v1::InputConfiguration& state = translation.configuration.inputs(0);
  EXPECT_EQ(state.element_type(), v1::ELEMENT_TYPE_FLOAT32);
  EXPECT_EQ(state.layout(), v1::LAYOUT_NATIVE);
  EXPECT_EQ(state.model_layout(), v1::LAYOUT_NATIVE);
  EXPECT_EQ(state.color_space(), v1::COLOR_SPACE_NONE);
  EXPECT_EQ(state.preprocessing_size(), 1);
  const v1::InputConfiguration& rate = translation.configuration.inputs(1);
  EXPECT_EQ(rate.element_type(), v1::ELEMENT_TYPE_NATIVE);
  EXPECT_EQ(rate.preprocessing_size(), 0);
  EXPECT_THAT(translation.warnings,
              Contains(AllOf(HasSubstr("color_space"), HasSubstr("\"state\", which is no picture"))));
  EXPECT_THAT(translation.warnings,
              Contains(AllOf(HasSubstr("input_modifications[0]"), HasSubstr("\"sr\", which is not float32"))));
}

TEST(TranslatePulsarTest, CalibrationAndTarget) {
  const v1::BuildConfiguration configuration = Translate(std::string(kRgb) + R"(
      target_hardware: TARGET_HARDWARE_AX630
      pulsar_conf { virtual_npu: VIRTUAL_NPU_MODE_0 }
      neuwizard_conf { dataset_conf_calibration {
        size: 7 observer_method: OBSVR_METHOD_MIN_MAX calibration_strategy: CALIB_STRATEGY_PER_TENSOR } }
      joinery_conf { image_fit: IMAGE_FIT_LETTERBOX })",
                                                         {Picture()})
                                                   .configuration;
  EXPECT_EQ(configuration.target().hardware(), "AX630");
  EXPECT_EQ(configuration.target().virtual_npu(), "0");
  EXPECT_EQ(configuration.calibration().max_samples(), 7);
  EXPECT_EQ(configuration.calibration().range_method(), v1::RANGE_METHOD_MIN_MAX);
  EXPECT_EQ(configuration.calibration().weight_granularity(), v1::WEIGHT_GRANULARITY_PER_TENSOR);
  EXPECT_EQ(configuration.calibration().image_fit(), v1::IMAGE_FIT_LETTERBOX);
}

TEST(TranslatePulsarTest, VirtualNpuOfAnotherChipIsWarnedOf) {
  const Translation translation = Translate(std::string(kRgb) + R"(
      target_hardware: TARGET_HARDWARE_AX620 pulsar_conf { virtual_npu: VIRTUAL_NPU_MODE_311 })",
                                            {Picture()});
  EXPECT_EQ(translation.configuration.target().virtual_npu(), "AUTO");
  EXPECT_THAT(translation.warnings, ElementsAre(HasSubstr("pulsar_conf.virtual_npu: 311 is for the AX630")));
}

// Every leaf of the schema, set to something: each is acted on, or a warning names it.
void SetAll(google::protobuf::Message& message) {
  const auto* descriptor = message.GetDescriptor();
  const auto* reflection = message.GetReflection();
  using Field = google::protobuf::FieldDescriptor;
  for (int i = 0; i < descriptor->field_count(); ++i) {
    const Field* field = descriptor->field(i);
    const bool repeated = field->is_repeated();
    switch (field->cpp_type()) {
      case Field::CPPTYPE_MESSAGE:
        SetAll(repeated ? *reflection->AddMessage(&message, field) : *reflection->MutableMessage(&message, field));
        break;
      case Field::CPPTYPE_ENUM:
        repeated ? reflection->AddEnumValue(&message, field, 2) : reflection->SetEnumValue(&message, field, 2);
        break;
      case Field::CPPTYPE_INT32:
        repeated ? reflection->AddInt32(&message, field, 9) : reflection->SetInt32(&message, field, 9);
        break;
      case Field::CPPTYPE_FLOAT:
        repeated ? reflection->AddFloat(&message, field, 9) : reflection->SetFloat(&message, field, 9);
        break;
      case Field::CPPTYPE_INT64:
        repeated ? reflection->AddInt64(&message, field, 9) : reflection->SetInt64(&message, field, 9);
        break;
      case Field::CPPTYPE_DOUBLE:
        repeated ? reflection->AddDouble(&message, field, 9) : reflection->SetDouble(&message, field, 9);
        break;
      case Field::CPPTYPE_BOOL:
        reflection->SetBool(&message, field, true);
        break;
      case Field::CPPTYPE_STRING:
        repeated ? reflection->AddString(&message, field, "s") : reflection->SetString(&message, field, "s");
        break;
      default:
        FAIL() << field->full_name() << " has a type this test does not know";
    }
  }
}

void CollectLeaves(const google::protobuf::Descriptor* descriptor, const std::string& schema, const std::string& shown,
                   std::vector<std::pair<std::string, std::string>>& leaves) {
  for (int i = 0; i < descriptor->field_count(); ++i) {
    const auto* field = descriptor->field(i);
    const std::string name = schema + field->name();
    const std::string shown_name = shown + field->name() + (field->is_repeated() ? "[0]" : "");
    if (field->message_type() == nullptr) {
      leaves.emplace_back(name, shown_name);
    } else {
      CollectLeaves(field->message_type(), name + ".", shown_name + ".", leaves);
    }
  }
}

TEST(PulsarFieldsTest, NoFieldOfTheSchemaIsDroppedSilently) {
  v1::pulsar::PulsarConfiguration configuration;
  SetAll(configuration);
  const std::vector<std::string> sentences = DescribeIgnoredFields(configuration);
  std::vector<std::pair<std::string, std::string>> leaves;
  CollectLeaves(v1::pulsar::PulsarConfiguration::descriptor(), "", "", leaves);
  ASSERT_GT(leaves.size(), 80);
  for (const auto& [schema, shown] : leaves) {
    if (IsActedOn(schema)) continue;
    bool named = false;
    for (const std::string& sentence : sentences) {
      const std::string path = sentence.substr(0, sentence.find_first_of(": "));
      named = named || shown == path || shown.rfind(path + ".", 0) == 0;
    }
    EXPECT_TRUE(named) << shown;
  }
  EXPECT_THAT(sentences, Not(Contains(HasSubstr("has no effect"))));  // All have an explanation of their own.
}

TEST(PulsarFieldsTest, WhatHappensAnywayIsNotWarnedOf) {
  EXPECT_THAT(DescribeIgnoredFields(Parse(R"(
      pulsar_conf { batch_size: 1 batch_size_option: BSO_STATIC }
      dst_output_tensors { data_type: FLOAT32 })")),
              IsEmpty());
}

struct Refused {
  std::string name;
  std::string text;
  std::string path;
  std::string message;
};

class RefusedTest : public ::testing::TestWithParam<Refused> {};

TEST_P(RefusedTest, NamesTheField) {
  const Refused& c = GetParam();
  EXPECT_THAT(TranslatePulsar(Parse(c.text), {Picture("x")}),
              StatusIs(absl::StatusCode::kInvalidArgument, AllOf(::testing::StartsWith(c.path), HasSubstr(c.message))));
}

std::string Item(const std::string& item) {
  return "neuwizard_conf { operator_conf { input_conf_items { " + item + " } } }";
}
std::string Step(const std::string& step) { return Item("attributes { input_modifications { " + step + " } }"); }

constexpr char kItem[] = "neuwizard_conf.operator_conf.input_conf_items[0].";

INSTANTIATE_TEST_SUITE_P(
    , RefusedTest,
    ::testing::ValuesIn<Refused>({
        {"Nv12", "src_input_tensors { color_space: TENSOR_COLOR_SPACE_NV12 }", "src_input_tensors[0].color_space",
         "TENSOR_COLOR_SPACE_NV12 is not what"},
        {"Nv21OfFloats", "dst_input_tensors { color_space: TENSOR_COLOR_SPACE_NV21 data_type: FLOAT32 }",
         "dst_input_tensors.color_space", "is NV21, which is bytes"},
        {"GrayOfThreeChannels", "src_input_tensors { color_space: TENSOR_COLOR_SPACE_GRAY }",
         "src_input_tensors.color_space", "has 3 channels and cannot be GRAY"},
        {"InputInt4", "dst_input_tensors { data_type: INT4 }", "dst_input_tensors[0].data_type", "INT16 or FLOAT32"},
        {"ItemUint4", Item("attributes { type: UINT4 }"), std::string(kItem) + "attributes.type", "UINT4"},
        {"TypesContradict", "dst_input_tensors { data_type: UINT8 }" + Item("attributes { type: FLOAT32 }"),
         std::string(kItem) + "attributes.type", "contradicts UINT8"},
        {"SourceNhwcThatCannotBe", "src_input_tensors { tensor_layout: NHWC }", "src_input_tensors.tensor_layout",
         "1x3x224x224 cannot be NHWC"},
        {"NoSuchTensor", "src_input_tensors { tensor_name: \"y\" }", "src_input_tensors[0].tensor_name",
         "no input \"y\"; its inputs are x"},
        {"NoSuchInput", Item("selector { op_name: \"data\" }"), std::string(kItem) + "selector.op_name",
         "no input \"data\"; its inputs are x"},
        {"RegexMatchesNone", Item("selector { op_name_regex: \"y.*\" }"), std::string(kItem) + "selector.op_name_regex",
         "its inputs are x"},
        {"RegexIsNone", Item("selector { op_name_regex: \"(\" }"), std::string(kItem) + "selector.op_name_regex",
         "no regular expression"},
        {"RegexTooLong", Item("selector { op_name_regex: \"" + std::string(300, 'x') + "\" }"),
         std::string(kItem) + "selector.op_name_regex", "longer than 256"},
        {"NameAndRegex", Item("selector { op_name: \"x\" op_name_regex: \"x\" }"), std::string(kItem) + "selector",
         "both"},
        {"TwoOfThreeMeans", Step("input_normalization { mean: [1, 2] }"),
         std::string(kItem) + "attributes.input_modifications[0].input_normalization.mean", "expected 1 or 3"},
        {"FourSlopes", Step("affine_preprocess { slope: [1, 2, 3, 4] }"),
         std::string(kItem) + "attributes.input_modifications[0].affine_preprocess.slope", "has 4 values"},
        {"StdZero", Step("input_normalization { std: [1, 0, 1] }"),
         std::string(kItem) + "attributes.input_modifications[0].input_normalization.std[1]", "is 0"},
        {"DivisorZero", Step("affine_preprocess { slope_divisor: 0 }"),
         std::string(kItem) + "attributes.input_modifications[0].affine_preprocess.slope_divisor[0]", "is 0"},
        {"MeanNan", Step("input_normalization { mean: nan }"),
         std::string(kItem) + "attributes.input_modifications[0].input_normalization.mean[0]", "no finite number"},
        {"BiasInfinite", Step("affine_preprocess { bias: -inf }"),
         std::string(kItem) + "attributes.input_modifications[0].affine_preprocess.bias[0]", "no finite number"},
        {"QuotientOverflows", Step("affine_preprocess { slope: 3e38 slope_divisor: 1e-3 }"),
         std::string(kItem) + "attributes.input_modifications[0].affine_preprocess.slope", "too large"},
        {"TwoStepsInOne", Step("affine_preprocess { slope: 1 } input_normalization { mean: 1 }"),
         std::string(kItem) + "attributes.input_modifications[0]", "order is open"},
        {"EmptyStep", Step(""), std::string(kItem) + "attributes.input_modifications[0]", "is empty"},
        {"Supernet", "output_type: OUTPUT_TYPE_SUPERNET", "output_type", "not supported"},
        {"Ax170", "target_hardware: TARGET_HARDWARE_AX170", "target_hardware", "not supported"},
        {"FourBitFeatures",
         "neuwizard_conf { operator_conf { operator_conf_items { attributes { input_feature_type: UINT4 } } } }",
         "neuwizard_conf.operator_conf.operator_conf_items[0].attributes.input_feature_type", "UINT4"},
        {"OperatorNameAndRegex",
         "neuwizard_conf { operator_conf { operator_conf_items { selector { op_name: \"a\" op_name_regex: \"b\" } } } "
         "}",
         "neuwizard_conf.operator_conf.operator_conf_items[0].selector", "both"},
        {"OperatorRegexIsNone",
         "neuwizard_conf { operator_conf { operator_conf_items { selector { op_name_regex: \"[\" } } } }",
         "neuwizard_conf.operator_conf.operator_conf_items[0].selector.op_name_regex", "no regular expression"},
        {"PatternIsNone", "joinery_conf { layer_configs {} layer_configs { layer_name_patterns: [\"a\", \"(\"] } }",
         "joinery_conf.layer_configs[1].layer_name_patterns[1]", "no regular expression"},
        {"PatternTooLong", "joinery_conf { layer_configs { layer_name_patterns: \"" + std::string(257, 'x') + "\" } }",
         "joinery_conf.layer_configs[0].layer_name_patterns[0]", "longer than 256"},
        {"PercentileOfHalf", "joinery_conf { percentile: 50 }", "joinery_conf.percentile", "50 is not above 50"},
        {"PercentileOfMoreThanAll", "joinery_conf { percentile: 100.5 }", "joinery_conf.percentile", "at most 100"},
        {"PercentileNan", "joinery_conf { percentile: nan }", "joinery_conf.percentile", "nan"},
        {"SmoothingOfMoreThanOne", "joinery_conf { smooth_quant_strength: 1.5 }", "joinery_conf.smooth_quant_strength",
         "between 0 and 1"},
        {"CosineOfOne", "joinery_conf { target_cosine: 1 }", "joinery_conf.target_cosine", "between 0 and 1"},
        {"NegativeCosine", "joinery_conf { target_cosine: -0.5 }", "joinery_conf.target_cosine", "between 0 and 1"},
        {"SqnrInfinite", "joinery_conf { target_sqnr_db: inf }", "joinery_conf.target_sqnr_db", "up to 100"},
        {"FourBitWeights",
         "neuwizard_conf { operator_conf { operator_conf_items { attributes { weight_type: INT4 } } } }",
         "neuwizard_conf.operator_conf.operator_conf_items[0].attributes.weight_type", "INT4"},
        {"NegativeSize", "neuwizard_conf { dataset_conf_calibration { size: -1 } }",
         "neuwizard_conf.dataset_conf_calibration.size", "negative"},
        {"BatchOfNone", "pulsar_conf { batch_size: 0 }", "pulsar_conf.batch_size[0]", "no batch size"},
    }),
    [](const auto& test) { return test.param.name; });

TEST(TranslatePulsarTest, ListForAnInputThatIsNoPictureAsksForASelector) {
  EXPECT_THAT(TranslatePulsar(Parse(Step("input_normalization { mean: [1, 2, 3] }")), {{"v", kFloat, {1, 512}}}),
              StatusIs(absl::StatusCode::kInvalidArgument, HasSubstr("selector")));
}

TEST(TranslatePulsarTest, EvilRegexEndsSoon) {
  const std::string text = Item("selector { op_name_regex: \"(a*)*b\" }");
  EXPECT_THAT(TranslatePulsar(Parse(text), {Picture(std::string(500, 'a'))}),
              StatusIs(absl::StatusCode::kInvalidArgument, HasSubstr("op_name_regex")));
}

}  // namespace
}  // namespace joinery::compiler
