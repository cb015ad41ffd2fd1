// Command lines, output and configuration of the vendor's tools, and what is attached.
#include <unistd.h>

#include <string>
#include <variant>
#include <vector>

#include "absl/strings/str_cat.h"
#include "base/digest.h"
#include "compiler/vendor/attached_binary.h"
#include "compiler/vendor/vendor_configuration.h"
#include "compiler/vendor/vendor_output.h"
#include "compiler/vendor/vendor_tool.h"
#include "tests/testing/status_matchers.h"

namespace joinery::compiler {
namespace {

using ::joinery::testing::IsOkAndHolds;
using ::joinery::testing::StatusIs;
using ::testing::ElementsAre;
using ::testing::HasSubstr;
using ::testing::Not;

TEST(VendorToolTest, IsAProgramOrAnImage) {
  ASSERT_OK_AND_ASSIGN(const VendorTool program, ParseVendorTool("pulsar2=/opt/a=b/pulsar2"));
  EXPECT_EQ(program.path, "/opt/a=b/pulsar2");
  EXPECT_THAT(VendorCommand(program, {"version"}, "/work", "c"), ElementsAre("/opt/a=b/pulsar2", "version"));
  ASSERT_OK_AND_ASSIGN(const VendorTool image, ParseVendorTool("pulsar=docker://sipeed/pulsar:0.6"));
  EXPECT_THAT(VendorCommand(image, {"version"}, "/work", "c"),
              ElementsAre("docker", "run", "--rm", "--init", "--name", "c", "--network", "none", "--cap-drop", "ALL",
                          "--security-opt", "no-new-privileges", "--user", absl::StrCat(getuid(), ":", getgid()),
                          "--volume", "/work:/work", "--workdir", "/work", "sipeed/pulsar:0.6", "pulsar", "version"));
  for (const char* text : {"", "pulsar2", "pulsar2=", "pulsar2=bin/pulsar2", "other=/bin/true", "pulsar2=docker://",
                           "pulsar2=docker://--privileged"}) {
    EXPECT_THAT(ParseVendorTool(text), StatusIs(absl::StatusCode::kInvalidArgument, HasSubstr("no vendor's tool")))
        << text;
  }
}

TEST(VendorToolTest, FilesAreNamedAsTheToolNamesThem) {
  EXPECT_EQ(VendorInputFile("pulsar2", "input.1:0/x-y_z"), "input/0/input_1_0_x-y_z.bin");
  EXPECT_EQ(VendorInputFile("pulsar", "input.1/x"), "input/0/input.1_x.bin");
  EXPECT_EQ(VendorOutputFile("pulsar2", "536"), "simulated/0/536.bin");
  EXPECT_EQ(VendorOutputFile("pulsar", "536"), "simulated/joint/536.bin");
}

TEST(VendorOutputTest, LinesHaveTheLevelThatTheToolGivesThem) {
  EXPECT_EQ(LevelOf("2024-01-01 00:00:00.000 | WARNING | a:b:1 - an Error, perhaps"), v1::LOG_LEVEL_WARNING);
  EXPECT_EQ(LevelOf("2024-01-01 00:00:00.000 | INFO | a:b:1 - 0 Errors"), v1::LOG_LEVEL_INFO);
  EXPECT_EQ(LevelOf("WRN [neuwizard] text"), v1::LOG_LEVEL_WARNING);
  EXPECT_EQ(LevelOf("KeyError: 'x'"), v1::LOG_LEVEL_ERROR);
  EXPECT_EQ(LevelOf("Building onnx"), v1::LOG_LEVEL_INFO);
}

TEST(VendorOutputTest, TheProblemIsTheLastErrorOrTheLastLine) {
  EXPECT_EQ(ProblemIn({}).text, "");
  EXPECT_EQ(ProblemIn({"a", "b"}).text, "b");
  EXPECT_EQ(ProblemIn({"ValueError: first", "ValueError: second", "bye"}).text, "ValueError: second");
  EXPECT_EQ(ProblemIn({"KeyError: 'dont support onnx.GatherElements opr in AXOPS'", "TypeError: x"}).text,
            "it does not support an operator of the model (KeyError: 'dont support onnx.GatherElements opr in AXOPS')");
  EXPECT_THAT(ProblemIn({"AssertionError: ocm alloc with 1"}).text, HasSubstr("larger NPU mode"));
  EXPECT_THAT(ProblemIn({"neuwizard killed by SIGKILL"}).text, HasSubstr("ran out of memory"));
  EXPECT_TRUE(ProblemIn({"MemoryError", "bye"}).is_memory);
  EXPECT_FALSE(ProblemIn({"ValueError: x"}).is_memory);
}

TEST(VendorOutputTest, VersionsAreOfOneLineOrTwo) {
  EXPECT_EQ(VersionIn({"version: 4.0", "commit: 64a0e58f"}), "4.0 (commit 64a0e58f)");
  EXPECT_EQ(VersionIn({"0.5.34.2", "7ca3b9d5"}), "0.5.34.2 (commit 7ca3b9d5)");
  EXPECT_EQ(VersionIn({"7"}), "7");
  EXPECT_EQ(VersionIn({}), "");
}

TEST(AttachedBinaryTest, IsFoundAsItWas) {
  const std::string bytes("\0\xff\nbinary", 9);
  onnx::ModelProto model;
  v1::Manifest manifest;
  EXPECT_THAT(ExtractBinary(model, manifest), StatusIs(absl::StatusCode::kNotFound, HasSubstr("--vendor-binary")));
  AttachBinary("older", {}, model, manifest);
  v1::VendorBinary description;
  description.set_tool("pulsar2");
  AttachBinary(bytes, description, model, manifest);
  EXPECT_EQ(model.graph().initializer_size(), 1);
  EXPECT_EQ(manifest.vendor_binary().tool(), "pulsar2");
  EXPECT_EQ(manifest.vendor_binary().size_bytes(), 9);
  EXPECT_EQ(manifest.vendor_binary().sha256(), base::Sha256(bytes));
  EXPECT_THAT(ExtractBinary(model, manifest), IsOkAndHolds(bytes));
  model.mutable_graph()->mutable_initializer(0)->set_raw_data("damage");
  EXPECT_THAT(ExtractBinary(model, manifest), StatusIs(absl::StatusCode::kDataLoss, HasSubstr("damaged")));
}

// What the tool is given says what the configuration said, without what only we know.
TEST(VendorConfigurationTest, IsInTheToolsDialect) {
  constexpr char kText[] = R"({
      "target_hardware": "AX620E", "npu_mode": "NPU2", "joinery_conf": {"preset": "PRESET_FAST"},
      "quant": {"input_configs": [{"tensor_name": "DEFAULT", "calibration_dataset": "a.tar",
                                   "calibration_mean": [1, 2, 3], "calibration_std": [4, 5, 6]}]},
      "input_processors": [{"tensor_name": "DEFAULT", "tensor_format": "BGR", "src_format": "BGR",
                            "src_dtype": "U8", "src_layout": "NHWC"}]})";
  ASSERT_OK_AND_ASSIGN(const Configuration source, ParseConfiguration(kText, "c.json"));
  ASSERT_OK_AND_ASSIGN(const Translation used,
                       TranslateConfiguration(source, {{"x", onnx::TensorProto::FLOAT, {1, 3, 8, 8}}}));
  EXPECT_EQ(ToolOf(source), "pulsar2");
  EXPECT_EQ(HardwareOf(used.configuration), "AX620E NPU2");
  ASSERT_OK_AND_ASSIGN(const std::string text,
                       WriteVendorConfiguration(source, used.configuration, {"calibration/0.tar"}));
  EXPECT_THAT(text, Not(HasSubstr("joinery")));
  ASSERT_OK_AND_ASSIGN(const Configuration read, ParseConfiguration(text, "config.json"));
  const auto& vendors = std::get<v1::pulsar2::BuildConfig>(read);
  EXPECT_EQ(vendors.input(), "model.onnx");
  EXPECT_EQ(vendors.output_dir(), "output");
  EXPECT_EQ(vendors.output_name(), "compiled.axmodel");
  EXPECT_EQ(vendors.npu_mode(), v1::pulsar2::BuildConfig::NPU2);
  ASSERT_EQ(vendors.quant().input_configs_size(), 1);
  EXPECT_EQ(vendors.quant().input_configs(0).calibration_dataset(), "calibration/0.tar");
  ASSERT_EQ(vendors.input_processors_size(), 1);
  EXPECT_EQ(vendors.input_processors(0).tensor_name(), "x");
  EXPECT_THAT(vendors.input_processors(0).mean(), ElementsAre(1, 2, 3));
}

}  // namespace
}  // namespace joinery::compiler
