#include "compiler/commands/build_configuration.h"

#include <algorithm>
#include <filesystem>

#include "base/file.h"
#include "tests/testing/status_matchers.h"
#include "tests/testing/temporary_folder.h"

namespace joinery::compiler {
namespace {

using ::joinery::testing::StatusIs;
using ::joinery::v1::pulsar::PulsarConfiguration;
using ::joinery::v1::pulsar2::BuildConfig;
using ::testing::AllOf;
using ::testing::ElementsAre;
using ::testing::HasSubstr;
using ::testing::StartsWith;

constexpr char kPulsar2[] = R"({"quant": {"calibration_method": "KL", "input_configs": [
    {"calibration_dataset": "calib.tar"}]}, "input_shapes": "a:1x3x4x4"})";

class BuildConfigurationTest : public ::testing::Test {
 protected:
  // A file of the test's own folder.
  std::string Write(const std::string& name, const std::string& text) {
    EXPECT_TRUE(base::WriteFileAtomically(folder_ / name, text).ok());
    return folder_ / name;
  }

  absl::StatusOr<BuildArguments> Read(std::vector<std::string> words) {
    CLI::App app;
    ConfigurationOptions options;
    AddConfigurationOptions(app, options);
    std::reverse(words.begin(), words.end());
    app.parse(words);
    BuildArguments arguments;
    arguments.model_path = "m.onnx";
    arguments.output_path = output_path_;
    const absl::Status status = ReadConfiguration(options, arguments);
    if (!status.ok()) return status;
    return arguments;
  }

  testing::TemporaryFolder folder_;
  std::string output_path_ = "m.joint";
};

TEST_F(BuildConfigurationTest, OptionsOfPulsar2BeatTheFile) {
  const std::string path = Write("c.json", kPulsar2);
  ASSERT_OK_AND_ASSIGN(
      const BuildArguments arguments,
      Read({"--config", path, "--quant.calibration_method", "MSE", "--quant.precision_analysis", "--quant.enable_brecq",
            "1", "--quant.enable_lsq", "0", "--quant.refine_weight_threshold", "-1", "--compiler.static_batch_sizes",
            "1", "4", "--npu_mode", "NPU2", "--target_hardware", "AX620E"}));
  const auto& configuration = std::get<BuildConfig>(arguments.configuration);
  EXPECT_EQ(configuration.quant().calibration_method(), v1::pulsar2::QuantConfig::MSE);
  EXPECT_TRUE(configuration.quant().precision_analysis());
  EXPECT_TRUE(configuration.quant().enable_brecq());
  EXPECT_FALSE(configuration.quant().enable_lsq());
  EXPECT_EQ(configuration.quant().refine_weight_threshold(), -1.0F);
  EXPECT_THAT(configuration.compiler().static_batch_sizes(), ElementsAre(1, 4));
  EXPECT_EQ(configuration.npu_mode(), BuildConfig::NPU2);
  EXPECT_EQ(configuration.target_hardware(), BuildConfig::AX620E);
  EXPECT_THAT(arguments.input_shapes, ElementsAre("a:1x3x4x4"));
  // Nothing of that name is in the current folder.
  EXPECT_EQ(arguments.calibration_path, folder_ / "calib.tar");
}

TEST_F(BuildConfigurationTest, QuantizationOptionsReachBothDialects) {
  const std::vector<std::string> paths = {
      Write("c.json", kPulsar2),
      Write("c.prototxt", "neuwizard_conf { dataset_conf_calibration { path: \"c.tar\" } }")};
  for (const std::string& path : paths) {
    ASSERT_OK_AND_ASSIGN(
        const BuildArguments arguments,
        Read({"--config", path, "--preset", "fast", "--calibration-method", "percentile", "--target-cosine", "0.998",
              "--target-sqnr", "22", "--layer-bits", "Conv_0=16", "--layer-bits", "Add.*=float"}));
    ASSERT_OK_AND_ASSIGN(const Translation translation, TranslateConfiguration(arguments.configuration, {}));
    const v1::BuildConfiguration& configuration = translation.configuration;
    EXPECT_EQ(configuration.quantization().preset(), v1::PRESET_FAST);
    EXPECT_EQ(configuration.calibration().range_method(), v1::RANGE_METHOD_PERCENTILE);
    EXPECT_EQ(configuration.quantization().target_cosine(), 0.998);
    EXPECT_EQ(configuration.quantization().target_sqnr_db(), 22);
    EXPECT_EQ(configuration.quantization().layers_size(), 2);
  }
}

TEST_F(BuildConfigurationTest, OptionsOfTheOtherToolAreRefused) {
  EXPECT_THAT(Read({"--config", Write("c.json", kPulsar2), "--virtual_npu", "111"}),
              StatusIs(absl::StatusCode::kInvalidArgument,
                       AllOf(StartsWith("--virtual_npu: "), HasSubstr("one of `pulsar2 build`"))));
  EXPECT_THAT(Read({"--config", Write("c.prototxt", "output_path: \"a\""), "--quant.check", "1"}),
              StatusIs(absl::StatusCode::kInvalidArgument,
                       AllOf(StartsWith("--quant.check: "), HasSubstr("one of `pulsar build`"))));
}

TEST_F(BuildConfigurationTest, WithoutAFileTheOptionsTellTheDialect) {
  const auto missing = StatusIs(absl::StatusCode::kInvalidArgument, HasSubstr("calibration_dataset"));
  EXPECT_THAT(Read({"--quant.calibration_method", "MSE"}), missing);
  EXPECT_THAT(Read({"--target_hardware", "AX650"}), missing);
  EXPECT_THAT(Read({"--target_hardware", "AX630"}),
              StatusIs(absl::StatusCode::kInvalidArgument, HasSubstr("dataset_conf_calibration.path")));
}

TEST_F(BuildConfigurationTest, OutputDirIsMadeForPulsar2) {
  output_path_.clear();
  const std::string path = Write("c.json", kPulsar2);
  ASSERT_OK_AND_ASSIGN(const BuildArguments arguments,
                       Read({"--config", path, "--output_dir", folder_ / "a/b", "--output_name", "m.axmodel"}));
  EXPECT_EQ(arguments.output_path, folder_ / "a/b/m.axmodel");
  EXPECT_TRUE(std::filesystem::is_directory(folder_ / "a/b"));
}

}  // namespace
}  // namespace joinery::compiler
