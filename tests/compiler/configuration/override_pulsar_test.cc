#include "tests/compiler/configuration/builders.h"
#include "tests/testing/status_matchers.h"

namespace joinery::compiler {
namespace {

using ::joinery::testing::IsOk;
using ::joinery::testing::StatusIs;
using ::joinery::v1::pulsar::PulsarConf;
using ::joinery::v1::pulsar::PulsarConfiguration;
using ::testing::AllOf;
using ::testing::Contains;
using ::testing::ElementsAre;
using ::testing::HasSubstr;
using ::testing::StartsWith;

TEST(ApplyOverridesTest, TheCommandLineBeatsTheFile) {
  PulsarConfiguration configuration = Parse(kGuide);
  PulsarOverrides overrides;
  overrides.target_hardware = "AX630";
  overrides.virtual_npu = "312";
  overrides.input_tensor_color = "bgr";
  overrides.output_tensor_color = "auto";
  overrides.output_tensor_layout = "native";
  overrides.color_standard = "full";
  overrides.batch_size_option = "BSO_DYNAMIC";
  overrides.calibration_batch_size = 8;
  overrides.compile_batch_sizes = {1, 4};
  ASSERT_THAT(ApplyOverrides(overrides, configuration), IsOk());
  ASSERT_OK_AND_ASSIGN(const Translation translation, TranslatePulsar(configuration, {Picture()}));
  EXPECT_EQ(translation.configuration.target().hardware(), "AX630");
  EXPECT_EQ(translation.configuration.target().virtual_npu(), "312");
  EXPECT_EQ(translation.configuration.inputs(0).model_color_space(), v1::COLOR_SPACE_BGR);
  EXPECT_EQ(translation.configuration.inputs(0).color_space(), v1::COLOR_SPACE_BGR);
  EXPECT_EQ(configuration.dst_output_tensors(0).tensor_layout(), v1::pulsar::TensorConf::NATIVE);
  EXPECT_THAT(configuration.pulsar_conf().batch_size(), ElementsAre(1, 4));
  EXPECT_EQ(configuration.dst_input_tensors().rbegin()->color_standard(),
            v1::pulsar::TensorConf::CSS_ITU_BT601_FULL_SWING);
  EXPECT_THAT(translation.configuration.batch().sizes(), ElementsAre(1, 4));
  EXPECT_TRUE(translation.configuration.batch().is_dynamic());
  EXPECT_THAT(translation.warnings, Contains(HasSubstr("dataset_conf_calibration.batch_size: 8")));
}

TEST(ApplyOverridesTest, NothingGivenChangesNothing) {
  PulsarConfiguration configuration = Parse(kGuide);
  ASSERT_THAT(ApplyOverrides({}, configuration), IsOk());
  EXPECT_EQ(configuration.SerializeAsString(), Parse(kGuide).SerializeAsString());
}

TEST(ApplyOverridesTest, VirtualNpuGoesToTheTargetsField) {
  PulsarConfiguration ax620 = Parse("target_hardware: TARGET_HARDWARE_AX620");
  PulsarOverrides overrides;
  overrides.virtual_npu = "0";
  ASSERT_THAT(ApplyOverrides(overrides, ax620), IsOk());
  EXPECT_EQ(ax620.pulsar_conf().ax620_virtual_npu(), PulsarConf::AX620_VIRTUAL_NPU_MODE_0);
  EXPECT_EQ(ax620.pulsar_conf().virtual_npu(), PulsarConf::VIRTUAL_NPU_MODE_AUTO);
}

struct BadOverride {
  std::string name;
  PulsarOverrides overrides;
  std::string option;
  std::string message;
};

template <typename Set>
PulsarOverrides With(const Set& set) {
  PulsarOverrides overrides;
  set(overrides);
  return overrides;
}

class BadOverrideTest : public ::testing::TestWithParam<BadOverride> {};

TEST_P(BadOverrideTest, NamesTheOptionAndChangesNothing) {
  PulsarConfiguration configuration = Parse(kGuide);
  EXPECT_THAT(ApplyOverrides(GetParam().overrides, configuration),
              StatusIs(absl::StatusCode::kInvalidArgument,
                       AllOf(StartsWith(GetParam().option + ": "), HasSubstr(GetParam().message))));
  EXPECT_EQ(configuration.SerializeAsString(), Parse(kGuide).SerializeAsString());
}

INSTANTIATE_TEST_SUITE_P(
    , BadOverrideTest,
    ::testing::ValuesIn<BadOverride>({
        {"Hardware", With([](auto& o) { o.target_hardware = "AX260"; }), "--target_hardware",
         "did you mean \"AX620\"?"},
        {"NpuOfAnotherChip", With([](auto& o) { o.virtual_npu = "999"; }), "--virtual_npu",
         "known are auto, 0, 111, 112"},
        {"Color", With([](auto& o) { o.input_tensor_color = "rbg"; }), "--input_tensor_color", "did you mean \"rgb\"?"},
        {"DeployedColor", With([](auto& o) { o.output_tensor_color = "grey"; }), "--output_tensor_color", "gray"},
        {"Layout", With([](auto& o) { o.output_tensor_layout = "nhcw"; }), "--output_tensor_layout", "nhwc"},
        {"Standard", With([](auto& o) { o.color_standard = "ful"; }), "--color_std", "full"},
        {"Option", With([](auto& o) { o.batch_size_option = "BSO_STATC"; }), "--batch_size_option", "BSO_STATIC"},
        {"CalibrationBatch", With([](auto& o) { o.calibration_batch_size = 0; }), "--calibration_batch_size",
         "1 or more"},
        {"LaterErrorKeepsEarlierFields", With([](auto& o) {
           o.target_hardware = "AX630";
           o.compile_batch_sizes = {-1};
         }),
         "--compile_batch_size", "1 or more"},
    }),
    [](const auto& test) { return test.param.name; });

}  // namespace
}  // namespace joinery::compiler
