#include "compiler/configuration/configuration.h"

#include "compiler/configuration/presets.h"
#include "tests/compiler/configuration/builders.h"
#include "tests/testing/status_matchers.h"

namespace joinery::compiler {
namespace {

using ::joinery::testing::IsOk;
using ::joinery::testing::StatusIs;

using ::joinery::v1::pulsar::PulsarConfiguration;
using ::joinery::v1::pulsar2::BuildConfig;
using ::testing::AllOf;
using ::testing::ElementsAre;
using ::testing::HasSubstr;

using ::testing::StartsWith;

struct Dialect {
  std::string name;
  std::string file_name;
  std::string text;
  bool is_pulsar2;
};

class DialectTest : public ::testing::TestWithParam<Dialect> {};

TEST_P(DialectTest, IsRecognised) {
  ASSERT_OK_AND_ASSIGN(const Configuration configuration, ParseConfiguration(GetParam().text, GetParam().file_name));
  EXPECT_EQ(std::holds_alternative<BuildConfig>(configuration), GetParam().is_pulsar2);
}

INSTANTIATE_TEST_SUITE_P(
    , DialectTest,
    ::testing::ValuesIn<Dialect>({
        {"Guide", "c.prototxt", kGuide, false},
        {"Empty", "c.prototxt", "", false},
        {"OnlyWhatBothHave", "c.prototxt", "joinery_conf { preset: PRESET_FAST }", false},
        {"WordOfAnotherDialectInAString", "c.prototxt", R"(input_path: "the \" deployment.onnx")", false},
        {"Json", "c.json", "{}", true},
        {"JsonUnderAnotherName", "config.prototxt", "// pulsar2\n /* { */ # more\n {\"npu_mode\": \"NPU2\"}", true},
        {"Pulsar2Prototxt", "c.prototxt", "# neuwizard_conf\nquant { input_configs { tensor_name: \"pulsar_conf\" } }",
         true},
        {"Pulsar2PrototxtOfScalars", "c.prototxt", "npu_mode: NPU1", true},
        {"Yaml", "c.yaml", "npu_mode: NPU1", true},
        {"YamlUnderAnotherName", "config.prototxt", "# my model\nmodel_type: ONNX\nquant:\n  check: 0\n", true},
    }),
    [](const auto& test) { return test.param.name; });

TEST(ParseConfigurationTest, TomlIsRefused) {
  EXPECT_THAT(ParseConfiguration("a = 1", "c.toml"),
              StatusIs(absl::StatusCode::kInvalidArgument, HasSubstr("as JSON, YAML or prototxt")));
}

TEST(ParseConfigurationTest, Pulsar2PrototxtNamesThePlace) {
  EXPECT_THAT(ParseConfiguration("quant {\n  calibration_metod: MSE }", "c.prototxt"),
              StatusIs(absl::StatusCode::kInvalidArgument,
                       AllOf(StartsWith("c.prototxt:2:3: "), HasSubstr("did you mean \"calibration_method\"?"))));
}

TEST(ParseConfigurationTest, JsonYamlAndPrototxtSayTheSame) {
  ASSERT_OK_AND_ASSIGN(const Configuration json, ParseConfiguration(R"({
      "target_hardware": "AX620E", "input_shapes": "a:1x3x4x4",
      "quant": {"input_configs": [{"calibration_dataset": "c.tar", "calibration_mean": [1.5, 2, -3e1]}],
                "precision_analysis": true, "calibration_method": "MSE"}})",
                                                                    "c.json"));
  ASSERT_OK_AND_ASSIGN(const Configuration yaml, ParseConfiguration(R"(
target_hardware: AX620E
input_shapes: "a:1x3x4x4"
quant:
  input_configs:
    - calibration_dataset: c.tar   # relative
      calibration_mean: [1.5, 2, -3e1]
  precision_analysis: true
  calibration_method: MSE
)",
                                                                    "c.yml"));
  ASSERT_OK_AND_ASSIGN(const Configuration prototxt, ParseConfiguration(R"(
      target_hardware: AX620E input_shapes: "a:1x3x4x4"
      quant { input_configs { calibration_dataset: "c.tar" calibration_mean: [1.5, 2, -30] }
              precision_analysis: true calibration_method: MSE })",
                                                                        "c.prototxt"));
  const std::string bytes = std::get<BuildConfig>(json).SerializeAsString();
  EXPECT_EQ(std::get<BuildConfig>(yaml).SerializeAsString(), bytes);
  EXPECT_EQ(std::get<BuildConfig>(prototxt).SerializeAsString(), bytes);
}

struct BadYaml {
  std::string name;
  std::string text;
  std::string beginning;
  std::string message;
};

class BadYamlTest : public ::testing::TestWithParam<BadYaml> {};

TEST_P(BadYamlTest, IsRefusedWithItsPlace) {
  EXPECT_THAT(ParseConfiguration(GetParam().text, "c.yaml"),
              StatusIs(absl::StatusCode::kInvalidArgument,
                       AllOf(StartsWith("c.yaml:" + GetParam().beginning), HasSubstr(GetParam().message))));
}

INSTANTIATE_TEST_SUITE_P(, BadYamlTest,
                         ::testing::ValuesIn<BadYaml>({
                             {"Empty", "", " the configuration: ", "an object"},
                             {"Indentation", "quant:\n  check: 0\n wrong: 1\n", "3:", ""},
                             {"UnknownField", "quant:\n  chek: 0\n", " quant.chek: ", "did you mean \"check\"?"},
                             {"KeyTwice", "quant:\n  check: 0\n  check: 1\n", "3:3: ", "given twice"},
                             {"Alias", "quant: &a\n  check: 0\ncompiler: *a\n", "1:8: ", "anchors"},
                             {"Tag", "input: !!str 1\n", "1:8: ", "tags"},
                             {"TwoDocuments", "npu_mode: NPU1\n---\nnpu_mode: NPU2\n", "2:1: ", "second document"},
                             {"BlockAsKey", "{a: 1}: 2\n", "1:1: ", "a name"},
                             {"Deep", std::string(40, '['), "1:33: ", "nested deeper"},
                             {"VeryDeep", std::string(200'000, '['), "", ""},
                         }),
                         [](const auto& test) { return test.param.name; });

TEST(WriteConfigurationTest, ParsesToTheSameUnderAnyName) {
  for (const char* text : {kGuide, "", "{}", R"({"npu_mode": "NPU1", "quant": {"check": 1, "calibration_method": "KL"},
                                                 "input_processors": [{"mean": [0.485], "src_layout": "NHWC"}]})"}) {
    ASSERT_OK_AND_ASSIGN(const Configuration configuration, ParseConfiguration(text, "a"));
    const std::string written = WriteConfiguration(configuration);
    ASSERT_OK_AND_ASSIGN(const Configuration again, ParseConfiguration(written, "config.prototxt"));
    EXPECT_EQ(again.index(), configuration.index());
    EXPECT_EQ(WriteConfiguration(again), written);
  }
}

TEST(FilesOfTest, BothDialectsNameTheirFiles) {
  ASSERT_OK_AND_ASSIGN(Configuration pulsar2, ParseConfiguration(R"({
      "input": "m.onnx", "output_dir": "out/", "input_shapes": "a:1x3; b:2",
      "quant": {"input_configs": [{"calibration_dataset": "c.tar"}]}})",
                                                                 "c.json"));
  ASSERT_OK_AND_ASSIGN(ConfiguredFiles files, FilesOf(pulsar2));
  EXPECT_EQ(files.model, "m.onnx");
  EXPECT_EQ(files.output, "out/compiled.axmodel");
  EXPECT_EQ(files.calibration, "c.tar");
  EXPECT_THAT(files.input_shapes, ElementsAre("a:1x3", "b:2"));
  Configuration pulsar = PulsarConfiguration();
  for (Configuration* configuration : {&pulsar2, &pulsar}) {
    SetFiles({.model = "x/n.onnx",
              .output = "y/n.joint",
              .calibration = "d.tar",
              .input_calibration = {},
              .input_shapes = {}},
             *configuration);
    ASSERT_OK_AND_ASSIGN(files, FilesOf(*configuration));
    EXPECT_EQ(files.model, "x/n.onnx");
    EXPECT_EQ(files.output, "y/n.joint");
    EXPECT_EQ(files.calibration, "d.tar");
  }
}

TEST(FilesOfTest, EachInputMayHaveACalibrationSet) {
  ASSERT_OK_AND_ASSIGN(const Configuration configuration, ParseConfiguration(R"({"quant": {"input_configs": [
      {"tensor_name": "a", "calibration_dataset": "a.tar"}, {"tensor_name": "b", "calibration_dataset": "b.tar"}]}})",
                                                                             "c.json"));
  ASSERT_OK_AND_ASSIGN(const ConfiguredFiles files, FilesOf(configuration));
  EXPECT_EQ(files.calibration, "");
  EXPECT_THAT(files.input_calibration, ElementsAre(std::make_pair("a", "a.tar"), std::make_pair("b", "b.tar")));
  ASSERT_OK_AND_ASSIGN(const Configuration pulsar, ParseConfiguration(R"(neuwizard_conf { dataset_conf_calibration {
      dataset_conf_items { selector { op_name: "a" } path: "a.tar" } } })",
                                                                      "c.prototxt"));
  ASSERT_OK_AND_ASSIGN(const ConfiguredFiles items, FilesOf(pulsar));
  EXPECT_THAT(items.input_calibration, ElementsAre(std::make_pair("a", "a.tar")));
}

// Through a server a configuration has no name that tells.
TEST(ParseConfigurationTest, BracesMayBeYaml) {
  ASSERT_OK_AND_ASSIGN(const Configuration configuration,
                       ParseConfiguration("{npu_mode: NPU2, quant: {calibration_method: KL}}", "configuration"));
  EXPECT_EQ(std::get<BuildConfig>(configuration).npu_mode(), BuildConfig::NPU2);
  EXPECT_THAT(ParseConfiguration("{npu_mode: NPU2}", "c.json"),
              StatusIs(absl::StatusCode::kInvalidArgument, HasSubstr("c.json")));
}

template <typename Set>
QuantizationOverrides With(const Set& set) {
  QuantizationOverrides overrides;
  set(overrides);
  return overrides;
}

class QuantizationOverridesTest : public ::testing::TestWithParam<std::string> {};

TEST_P(QuantizationOverridesTest, BeatTheFileInBothDialects) {
  ASSERT_OK_AND_ASSIGN(Configuration configuration, ParseConfiguration(GetParam(), "c"));
  ASSERT_THAT(ApplyOverrides({.preset = "accurate",
                              .calibration_method = "percentile",
                              .target_cosine = 0.998,
                              .target_sqnr_db = 22,
                              .layer_bits = {"Conv_[0-9]=16", "a=b=float"},
                              .cut_tensors = {"459", "460"},
                              .target = "AX630C:NPU2"},
                             configuration),
              IsOk());
  ASSERT_OK_AND_ASSIGN(const Translation translation, TranslateConfiguration(configuration, {Picture()}));
  const v1::Quantization& quantization = translation.configuration.quantization();
  EXPECT_EQ(quantization.preset(), v1::PRESET_ACCURATE);
  EXPECT_EQ(quantization.weight_rounding(), v1::WEIGHT_ROUNDING_OUTPUT_ERROR);
  EXPECT_EQ(quantization.target_cosine(), 0.998);
  EXPECT_EQ(quantization.target_sqnr_db(), 22);
  EXPECT_EQ(translation.configuration.calibration().range_method(), v1::RANGE_METHOD_PERCENTILE);
  ASSERT_EQ(quantization.layers_size(), 3);
  EXPECT_THAT(quantization.layers(1).node_name_patterns(), ElementsAre("Conv_[0-9]"));
  EXPECT_EQ(quantization.layers(1).bits(), v1::LAYER_BITS_16);
  EXPECT_THAT(quantization.layers(2).node_name_patterns(), ElementsAre("a=b"));
  EXPECT_EQ(quantization.layers(2).bits(), v1::LAYER_BITS_FLOAT);
  EXPECT_THAT(translation.configuration.target().cut_tensors(), ElementsAre("459", "460"));
  ASSERT_OK_AND_ASSIGN(const Configuration again,
                       ParseConfiguration(FormatConfiguration(configuration, translation.configuration), "c"));
  ASSERT_OK_AND_ASSIGN(const Translation same, TranslateConfiguration(again, {Picture()}));
  EXPECT_THAT(same.configuration.target().cut_tensors(), ElementsAre("459", "460"));
  for (const Translation& made : {translation, same}) {
    EXPECT_EQ(made.configuration.target().hardware(), "AX630C");
    EXPECT_EQ(made.configuration.target().virtual_npu(), "NPU2");
    for (const std::string& warning : made.warnings) EXPECT_THAT(warning, Not(HasSubstr("joinery_conf")));
  }
}

TEST_P(QuantizationOverridesTest, ATargetIsAChipAndPerhapsAMode) {
  for (const char* bad : {"", "../AX650N", "AX630C:", "AX630C:NPU1:NPU2"}) {
    ASSERT_OK_AND_ASSIGN(Configuration configuration, ParseConfiguration(GetParam(), "c"));
    EXPECT_THAT(ApplyOverrides(With([&](auto& overrides) { overrides.target = bad; }), configuration),
                StatusIs(absl::StatusCode::kInvalidArgument, HasSubstr("--target")))
        << bad;
  }
  ASSERT_OK_AND_ASSIGN(Configuration configuration, ParseConfiguration(GetParam(), "c"));
  ASSERT_THAT(ApplyOverrides(With([](auto& overrides) { overrides.target = "AX650N"; }), configuration), IsOk());
  ASSERT_OK_AND_ASSIGN(const Translation translation, TranslateConfiguration(configuration, {Picture()}));
  EXPECT_EQ(translation.configuration.target().hardware(), "AX650N");
  EXPECT_EQ(translation.configuration.target().virtual_npu(), "AUTO");
}

INSTANTIATE_TEST_SUITE_P(
    , QuantizationOverridesTest,
    ::testing::Values(
        "joinery_conf { preset: PRESET_FAST target_cosine: 0.9 cut_tensors: \"1\" range_method: RANGE_METHOD_ENTROPY "
        "layer_configs { op_types: \"Add\" } }",
        R"({"quant": {"calibration_method": "KL", "layer_configs": [{"op_type": "Add"}]},
                          "joinery_conf": {"preset": "PRESET_FAST", "target_cosine": 0.9}})"));

// As when the complete configuration of an earlier build is built from again.
TEST(ApplyQuantizationOverridesTest, PresetBeatsEverySwitchOfTheFile) {
  ASSERT_OK_AND_ASSIGN(Configuration configuration, ParseConfiguration(R"(joinery_conf {
      preset: PRESET_FAST cross_layer_equalization: SWITCH_OFF weight_rounding: SWITCH_OFF
      bias_correction: BIAS_CORRECTION_SEQUENTIAL scale_refinement: SWITCH_OFF smooth_quant_strength: 0.5 })",
                                                                       "c"));
  ASSERT_THAT(ApplyOverrides(With([](auto& o) { o.preset = "accurate"; }), configuration), IsOk());
  ASSERT_OK_AND_ASSIGN(const Translation translation, TranslateConfiguration(configuration, {}));
  v1::Quantization expected = PresetQuantization(v1::PRESET_ACCURATE);
  expected.set_smooth_quant_strength(0.5);
  EXPECT_EQ(translation.configuration.quantization().SerializeAsString(), expected.SerializeAsString());
}

TEST(ApplyQuantizationOverridesTest, TheVendorsNamesOfMethodsAreTaken) {
  for (const auto& [name, method] :
       std::vector<std::pair<std::string, v1::RangeMethod>>{{"MinMax", v1::RANGE_METHOD_MIN_MAX},
                                                            {"MSE", v1::RANGE_METHOD_MSE},
                                                            {"KL", v1::RANGE_METHOD_ENTROPY},
                                                            {"moving-average", v1::RANGE_METHOD_MOVING_AVERAGE}}) {
    Configuration configuration = PulsarConfiguration();
    QuantizationOverrides overrides;
    overrides.calibration_method = name;
    ASSERT_THAT(ApplyOverrides(overrides, configuration), IsOk());
    ASSERT_OK_AND_ASSIGN(const Translation translation, TranslateConfiguration(configuration, {Picture()}));
    EXPECT_EQ(translation.configuration.calibration().range_method(), method) << name;
  }
}

TEST(ApplyQuantizationOverridesTest, ErrorsNameTheOptionAndChangeNothing) {
  const std::vector<std::tuple<QuantizationOverrides, std::string, std::string>> cases = {
      {With([](auto& o) { o.preset = "acurate"; }), "--preset: ", "did you mean \"accurate\"?"},
      {With([](auto& o) { o.calibration_method = "best"; }), "--calibration-method: ", "known are min_max"},
      {With([](auto& o) { o.target_cosine = 1; }), "--target-cosine: ", "between 0 and 1"},
      {With([](auto& o) { o.target_sqnr_db = -3; }), "--target-sqnr: ", "up to 100"},
      {With([](auto& o) {
         o.preset = "fast";
         o.layer_bits = {"Conv"};
       }),
       "--layer-bits: ", "PATTERN=16"},
      {With([](auto& o) { o.layer_bits = {"Conv=fourteen"}; }), "--layer-bits: ", "known are 8, 16, float"},
      {With([](auto& o) { o.layer_bits = {"(=16"}; }), "--layer-bits: ", "no regular expression"}};
  for (const auto& [overrides, option, message] : cases) {
    Configuration configuration = PulsarConfiguration();
    EXPECT_THAT(ApplyOverrides(overrides, configuration),
                StatusIs(absl::StatusCode::kInvalidArgument, AllOf(StartsWith(option), HasSubstr(message))));
    EXPECT_EQ(std::get<PulsarConfiguration>(configuration).ByteSizeLong(), 0);
  }
}

}  // namespace
}  // namespace joinery::compiler
