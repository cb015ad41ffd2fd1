#include "compiler/configuration/pulsar_prototxt.h"

#include "tests/compiler/configuration/builders.h"
#include "tests/testing/status_matchers.h"

namespace joinery::compiler {
namespace {

using ::joinery::testing::IsOk;
using ::joinery::testing::StatusIs;
using ::testing::AllOf;
using ::testing::HasSubstr;
using ::testing::StartsWith;

TEST(ParsePulsarPrototxtTest, ReadsTheGuidesExample) {
  const v1::pulsar::PulsarConfiguration configuration = Parse(kGuide);
  EXPECT_EQ(configuration.target_hardware(), v1::pulsar::PulsarConfiguration::TARGET_HARDWARE_AX620);
  const auto& item = configuration.neuwizard_conf().operator_conf().input_conf_items(0);
  EXPECT_FLOAT_EQ(item.attributes().input_modifications(1).input_normalization().std(2), 0.225F);
}

struct BadText {
  std::string name;
  std::string text;
  std::string position;
  std::string message;
};

TEST(PulsarPrototxtTest, EscapesMayMakeTextButNothingElse) {
  const auto text = ParsePulsarPrototxt(R"(input_path: "gr\303\274n")", "c.prototxt");
  ASSERT_THAT(text, IsOk());
  EXPECT_EQ(text->input_path(), "grün");
  EXPECT_THAT(ParsePulsarPrototxt(R"(input_path: "gr\374n")", "c.prototxt"),
              StatusIs(absl::StatusCode::kInvalidArgument, StartsWith("c.prototxt: input_path: its escapes")));
  EXPECT_THAT(ParsePulsarPrototxt(R"(src_input_tensors {} src_input_tensors { tensor_name: "\377" })", "c.prototxt"),
              StatusIs(absl::StatusCode::kInvalidArgument, HasSubstr("src_input_tensors.tensor_name")));
}

class BadTextTest : public ::testing::TestWithParam<BadText> {};

TEST_P(BadTextTest, IsRefusedWithItsPlace) {
  const BadText& c = GetParam();
  EXPECT_THAT(ParsePulsarPrototxt(c.text, "dir/c.prototxt"),
              StatusIs(absl::StatusCode::kInvalidArgument,
                       AllOf(StartsWith("dir/c.prototxt:" + c.position + ": "), HasSubstr(c.message))));
}

INSTANTIATE_TEST_SUITE_P(
    , BadTextTest,
    ::testing::ValuesIn<BadText>({
        {"UnknownField", "input_type: INPUT_TYPE_ONNX\n  target_hardwear: TARGET_HARDWARE_AX620\n", "2:3",
         "no field \"target_hardwear\" in PulsarConfiguration; did you mean \"target_hardware\"?"},
        {"UnknownFieldAfterTab", "neuwizard_conf {\n\toperator_conf {\n\t\tinput_conf_itemz {} } }", "3:3",
         "did you mean \"input_conf_items\"?"},
        {"UnknownFieldColonOnTheNextLine", "pulsar_conf {\n  virtul_npu\n  : VIRTUAL_NPU_MODE_0 }", "2:3",
         "did you mean \"virtual_npu\"?"},
        {"NothingLikeIt", "pulsar_conf { hardware_platform: 1 }", "1:15", "known are virtual_npu, ax620_virtual_npu"},
        {"UnknownValue", "src_input_tensors {\n  color_space: TENSOR_COLOR_SPACE_RBG\n}", "2:16",
         "\"TENSOR_COLOR_SPACE_RBG\" is no value of color_space; did you mean \"TENSOR_COLOR_SPACE_RGB\"?"},
        {"WrongType", "neuwizard_conf { dataset_conf_calibration {\n size: \"many\" } }", "2:8", "Expected integer"},
        {"NumberTooLarge", "pulsar_conf { batch_size: 99999999999 }", "1:27", "out of range"},
        {"MissingBrace", "pulsar_conf { debug: true\n", "2:1", "Expected identifier"},
        {"SetTwice", "input_path: \"a\"\ninput_path: \"b\"\n", "2:11", "specified multiple times"},
        {"ControlCharacter", std::string("input_path: \"a\0b\"", 16), "1:15", "not text"},
        {"NotUtf8", "input_path: \"\xff\"", "1:14", "not text"},
        {"Utf8WrittenTooLong", "input_path: \"\xf0\x8c\x9a\x9e\"", "1:14", "not text"},
        {"CutUtf8", "# \xc3", "1:3", "not text"},
        {"Binary",
         "\x7f"
         "ELF",
         "1:1", "not text"},
    }),
    [](const auto& test) { return test.param.name; });

TEST(ParsePulsarPrototxtTest, Utf8IsText) {
  EXPECT_EQ(Parse("input_path: \"mod\xc3\xa8le\"").input_path(), "mod\xc3\xa8le");
}

TEST(ParsePulsarPrototxtTest, MoreThanTheLimitIsRefusedUnread) {
  EXPECT_THAT(ParsePulsarPrototxt(std::string((1 << 20) + 1, ' '), "c"),
              StatusIs(absl::StatusCode::kInvalidArgument, HasSubstr("the limit is 1048576")));
}

TEST(ParsePulsarPrototxtTest, DeepNestingIsAnErrorNotACrash) {
  std::string text;
  for (int i = 0; i < 200'000; ++i) text += "a{";
  EXPECT_THAT(ParsePulsarPrototxt(text, "c"), StatusIs(absl::StatusCode::kInvalidArgument, HasSubstr("c:1:1")));
}

TEST(ParsePulsarPrototxtTest, EmptyIsAllDefaults) { EXPECT_EQ(Parse("").ByteSizeLong(), 0); }

}  // namespace
}  // namespace joinery::compiler
