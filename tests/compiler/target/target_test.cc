#include "compiler/target/target.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <fstream>
#include <map>
#include <set>
#include <string>

#include "compiler/target/validate_target.h"
#include "tests/testing/status_matchers.h"
#include "tests/testing/temporary_folder.h"

namespace joinery::compiler {
namespace {

using ::absl::StatusCode;
using ::joinery::testing::IsOk;
using ::joinery::testing::StatusIs;
using ::testing::AllOf;
using ::testing::HasSubstr;

template <typename Case>
std::string NameOf(const ::testing::TestParamInfo<Case>& info) {
  return info.param.name;
}

TEST(AllTargetsTest, EveryFileIsValid) {
  ASSERT_OK_AND_ASSIGN(const auto targets, AllTargets());
  for (const v1::TargetDescription& target : targets) EXPECT_THAT(ValidateTarget(target), IsOk()) << target.name();
}

TEST(AllTargetsTest, NoNameIsThatOfTwo) {
  ASSERT_OK_AND_ASSIGN(const auto targets, AllTargets());
  std::map<std::string, std::string> owners;
  for (const v1::TargetDescription& target : targets) {
    EXPECT_TRUE(owners.emplace(target.name(), target.name()).second) << target.name();
    for (const std::string& alias : target.aliases()) EXPECT_TRUE(owners.emplace(alias, target.name()).second) << alias;
  }
}

TEST(AllTargetsTest, NpusSayWhatTheyReachAndWhereThatIsFrom) {
  ASSERT_OK_AND_ASSIGN(const auto targets, AllTargets());
  int npus = 0;
  for (const v1::TargetDescription& target : targets) {
    if (target.cpu_only()) continue;
    ++npus;
    EXPECT_GT(target.memory().bandwidth_gb_per_s().value(), 0) << target.name();
    EXPECT_GT(target.operators_size(), 30) << target.name();
    EXPECT_FALSE(target.source().empty()) << target.name();
    for (const v1::NpuMode& mode : target.modes()) EXPECT_FALSE(mode.summary().empty()) << target.name();
  }
  EXPECT_GE(npus, 9);
}

struct NameCase {
  const char* name;
  const char* target;
};

void PrintTo(const NameCase& c, std::ostream* out) { *out << c.name; }

class FindTargetTest : public ::testing::TestWithParam<NameCase> {};

TEST_P(FindTargetTest, TakesNamesAliasesAndAnyCase) {
  ASSERT_OK_AND_ASSIGN(const v1::TargetDescription target, FindTarget(GetParam().name));
  EXPECT_EQ(target.name(), GetParam().target);
}

// Among them those of BuildConfiguration.Target.hardware.
INSTANTIATE_TEST_SUITE_P(, FindTargetTest,
                         ::testing::ValuesIn<NameCase>({{"AX630C", "AX630C"},
                                                        {"ax620e", "AX630C"},
                                                        {"Ax620Q", "AX620Q"},
                                                        {"AX620", "AX620A"},
                                                        {"AX615", "AX615"},
                                                        {"AX637", "AX637"},
                                                        {"M57", "M57"},
                                                        {"AX620U", "AX620U"},
                                                        {"AX630", "AX630A"},
                                                        {"AX650", "AX650N"},
                                                        {"M76H", "AX650N"},
                                                        {"ONNX_RUNTIME", "ONNX_RUNTIME"},
                                                        {"cpu", "ONNX_RUNTIME"}}),
                         NameOf<NameCase>);

TEST(FindNoTargetTest, UnknownNamesTheNearestAndAll) {
  EXPECT_THAT(FindTarget("AX630D"), StatusIs(StatusCode::kInvalidArgument,
                                             AllOf(HasSubstr("there is no target \"AX630D\""), HasSubstr("AX630C"),
                                                   HasSubstr("AX620Q"), HasSubstr("ONNX_RUNTIME"))));
}

TEST(FindModeTest, DefaultIsTheFirst) {
  ASSERT_OK_AND_ASSIGN(const v1::TargetDescription target, FindTarget("AX620A"));
  for (const char* name : {"", "AUTO", "0", "disable"}) {
    ASSERT_OK_AND_ASSIGN(const v1::NpuMode mode, FindMode(target, name));
    EXPECT_EQ(mode.name(), "0") << name;
    EXPECT_FALSE(mode.shares_with_isp());
  }
  ASSERT_OK_AND_ASSIGN(const v1::NpuMode half, FindMode(target, "111"));
  EXPECT_TRUE(half.shares_with_isp());
  EXPECT_DOUBLE_EQ(half.peak_tops().value(), 1.8);
}

TEST(FindModeTest, UnknownNamesAll) {
  ASSERT_OK_AND_ASSIGN(const v1::TargetDescription target, FindTarget("AX650"));
  EXPECT_THAT(FindMode(target, "NPU9"),
              StatusIs(StatusCode::kInvalidArgument, HasSubstr("its modes are NPU1, NPU2, NPU3")));
}

TEST(ParseTargetTest, LikeAnotherTakesWhatIsLeftOut) {
  ASSERT_OK_AND_ASSIGN(const v1::TargetDescription base, FindTarget("AX630C"));
  ASSERT_OK_AND_ASSIGN(const v1::TargetDescription target,
                       ParseTarget(R"pb(
                                     name: "MY_BOARD"
                                     summary: "An AX630C that lost its Softmax"
                                     like: "ax620e"
                                     operators { op_type: "Softmax" unsupported: "it was too slow" }
                                     operators { op_type: "Neg" }
                                   )pb",
                                   "my.textproto"));
  EXPECT_EQ(target.aliases_size(), 0);
  EXPECT_EQ(target.vendor_hardware(), "AX620E");
  EXPECT_EQ(target.modes_size(), base.modes_size());
  EXPECT_EQ(target.operators_size(), base.operators_size() + 1);
  int softmax = 0;
  for (const v1::OperatorRule& rule : target.operators()) {
    if (rule.op_type() != "Softmax") continue;
    ++softmax;
    EXPECT_EQ(rule.unsupported(), "it was too slow");
  }
  EXPECT_EQ(softmax, 1);
}

struct MistakeCase {
  const char* name;
  const char* text;
  const char* message;
};

void PrintTo(const MistakeCase& c, std::ostream* out) { *out << c.name; }

class MistakeTest : public ::testing::TestWithParam<MistakeCase> {};

TEST_P(MistakeTest, IsNamed) {
  EXPECT_THAT(ParseTarget(GetParam().text, "my.textproto"),
              StatusIs(StatusCode::kInvalidArgument, AllOf(HasSubstr("my.textproto"), HasSubstr(GetParam().message))));
}

constexpr char kMode[] = R"( summary: "s" source: "s" modes { name: "A" peak_tops { value: 1 source: "s" } } )";

std::string WithMode(const char* rest) { return std::string(R"(name: "X")") + kMode + rest; }

INSTANTIATE_TEST_SUITE_P(, MistakeTest,
                         ::testing::ValuesIn<MistakeCase>({
                             {"NotText", "\x01\x02", "my.textproto:1:"},
                             {"UnknownField", "name: \"X\"\nmods {}", "my.textproto:2:"},
                             {"NoName", R"(summary: "s")", "the target has no name"},
                             {"BadName", R"(name: "a b")", "letters, digits"},
                             {"AliasTwice", R"(name: "X" aliases: "x")", "has the name \"X\" twice"},
                             {"NoSummary", R"(name: "X")", "`summary` is empty"},
                             {"NoModes", R"(name: "X" summary: "s")", "`modes` is empty"},
                             {"NoPeak", R"(name: "X" summary: "s" modes { name: "A" })", "mode A has no peak_tops"},
                             {"NoSource", R"(name: "X" summary: "s" modes { name: "A" peak_tops { value: 1 } })",
                              "modes[0].peak_tops: say in `source` where the figure is from"},
                             {"NegativeFigure",
                              R"(name: "X" summary: "s" modes { name: "A" peak_tops { value: -1 source: "s" } })",
                              "modes[0].peak_tops: the value must be a number above 0"},
                             {"LikeNothing", R"(name: "X" like: "AX999")", "like: there is no target \"AX999\""},
                         }),
                         NameOf<MistakeCase>);

struct OperatorCase {
  const char* name;
  const char* text;
  const char* message;
};

void PrintTo(const OperatorCase& c, std::ostream* out) { *out << c.name; }

class OperatorMistakeTest : public ::testing::TestWithParam<OperatorCase> {};

TEST_P(OperatorMistakeTest, IsNamed) {
  EXPECT_THAT(ParseTarget(WithMode(GetParam().text), "my.textproto"),
              StatusIs(StatusCode::kInvalidArgument, HasSubstr(GetParam().message)));
}

INSTANTIATE_TEST_SUITE_P(
    , OperatorMistakeTest,
    ::testing::ValuesIn<OperatorCase>({
        {"None", "", "`operators` is empty"},
        {"WithCpuOnly", R"(cpu_only: true operators { op_type: "Add" })", "cpu_only is set"},
        {"Unknown", R"(operators { op_type: "Topk" })", "\"Topk\" does not exist in ONNX; did you mean \"TopK\"?"},
        {"Twice", R"(operators { op_type: "Add" } operators { op_type: "Add" })", "Add is listed twice"},
        {"UnknownAttribute", R"(operators { op_type: "Conv" attributes { name: "stride" ints: 1 } })",
         "has no attribute \"stride\"; did you mean \"strides\"?"},
        {"EmptyLimit", R"(operators { op_type: "Conv" attributes { name: "strides" } })", "give never, ints"},
        {"MinAboveMax", R"(operators { op_type: "Conv" attributes { name: "strides" min: 3 max: 2 } })",
         "min is above max"},
        {"NoSuchInput", R"(operators { op_type: "Relu" shapes { index: 1 max_rank: 4 } })", "has no input 1"},
        {"BadStrides", R"(operators { op_type: "Conv" window { strides: "two" } })", "\"two\" are not numbers"},
        {"BadCondition", R"(operators { op_type: "Resize" attributes { name: "mode" strings: "a" only_if: "x" } })",
         "is not ATTRIBUTE=VALUE"},
        {"SlowWithoutReason", R"(operators { op_type: "Add" slow_forms {} })", "needs a `reason`"},
    }),
    NameOf<OperatorCase>);

TEST(LoadTargetFileTest, MissingFileIsNotFound) {
  EXPECT_THAT(LoadTargetFile("/no/such/file"), StatusIs(StatusCode::kNotFound, HasSubstr("/no/such/file")));
}

TEST(LoadTargetFileTest, ReadsAFile) {
  const testing::TemporaryFolder folder;
  const std::string path = folder.path() + "/mine.textproto";
  std::ofstream(path) << R"(name: "MINE" summary: "s" like: "AX620A")";
  ASSERT_OK_AND_ASSIGN(const v1::TargetDescription target, LoadTargetFile(path));
  EXPECT_EQ(target.vendor_tool(), "pulsar");
}

}  // namespace
}  // namespace joinery::compiler
