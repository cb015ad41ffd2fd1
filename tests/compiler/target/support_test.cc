// Each kind of constraint, on one node and a target that has one rule.
#include "compiler/target/support.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <string>

#include "absl/strings/str_cat.h"
#include "compiler/frontend/infer_shapes.h"
#include "compiler/target/target.h"
#include "tests/compiler/frontend/onnx_text.h"
#include "tests/testing/status_matchers.h"

namespace joinery::compiler {
namespace {

using ::joinery::testing::IsOk;
using ::testing::HasSubstr;

using Placement = Support::Placement;

v1::TargetDescription TargetWith(const std::string& operators) {
  const absl::StatusOr<v1::TargetDescription> target = ParseTarget(
      absl::StrCat(R"(name: "X" summary: "s" source: "s" modes { name: "A" peak_tops { value: 1 source: "s" } } )",
                   operators),
      "x.textproto");
  EXPECT_THAT(target, IsOk());
  return target.ok() ? *target : v1::TargetDescription();
}

// Where the last node of `graph` runs.
Support CheckLast(const std::string& graph_text, const v1::TargetDescription& target, int opset = 13) {
  onnx::ModelProto model = ParseOnnxText(graph_text, opset);
  EXPECT_THAT(InferShapes(model), IsOk());
  Graph graph(std::move(model));
  return CheckNode(graph, *graph.nodes().back(), target);
}

struct Case {
  std::string name;
  std::string rule;
  std::string graph;
  // Part of the reason; empty: on the NPU.
  std::string reason;
  std::string change;
};

void PrintTo(const Case& c, std::ostream* out) { *out << c.name; }

class SupportTest : public ::testing::TestWithParam<Case> {};

TEST_P(SupportTest, SaysWhereAndWhy) {
  const Case& c = GetParam();
  const Support support = CheckLast(c.graph, TargetWith(absl::StrCat("operators { ", c.rule, " }")));
  if (c.reason.empty()) {
    EXPECT_EQ(support.placement, Placement::kNpu) << support.reason;
    EXPECT_EQ(support.reason, "");
    return;
  }
  EXPECT_EQ(support.placement, Placement::kCpu);
  EXPECT_THAT(support.reason, HasSubstr(c.reason));
  EXPECT_THAT(support.change, HasSubstr(c.change));
}

// A graph of one node, with a picture `x` of 1x4x8x8 and constants.
std::string OneNode(const std::string& node, const std::string& constants = "") {
  return absl::StrCat("g (float[1,4,8,8] x) => (y) ", constants.empty() ? "" : absl::StrCat("<", constants, "> "),
                      "{ y = ", node, " }");
}

std::string Conv(const std::string& attributes) {
  return absl::StrCat("g (float[1,4,8,8] x, float[4,4,3,3] w) => (y) { y = Conv<kernel_shape = [3,3]",
                      attributes.empty() ? "" : ", ", attributes, ">(x, w) }");
}

std::vector<Case> AttributeCases() {
  const std::string auto_pad = R"(op_type: "Conv" attributes { name: "auto_pad" strings: "NOTSET" })";
  const std::string dilation = R"(op_type: "Conv" attributes { name: "dilations" ints: 1 })";
  const std::string kernel = R"(op_type: "Conv" attributes { name: "kernel_shape" max: 2 change: "shrink it" })";
  const std::string axis = R"(op_type: "Softmax" attributes { name: "axis" ints: -1 })";
  const std::string pool =
      R"(op_type: "AveragePool" attributes { name: "count_include_pad" ints: 1 only_if_padded: true })";
  const std::string nearest =
      R"(op_type: "Resize" attributes { name: "nearest_mode" strings: "floor" only_if: "mode=nearest" })";
  const std::string asymmetric = R"(op_type: "Resize" attributes {
      name: "coordinate_transformation_mode" strings: "asymmetric" only_if: "mode=nearest" only_if: "nearest_mode=floor"
    })";
  const std::string scales = "float[4] s = {1.0, 1.0, 2.0, 2.0}";
  const std::string alpha = R"(op_type: "Elu" attributes { name: "alpha" never: true })";
  return {
      {"ListedOperator", R"(op_type: "Relu")", OneNode("Relu(x)"), "", ""},
      {"UnlistedOperator", R"(op_type: "Relu")", OneNode("Tanh(x)"), "does not list Tanh", ""},
      {"Unsupported", R"(op_type: "Relu" unsupported: "it burnt down" change: "take Clip")", OneNode("Relu(x)"),
       "it burnt down", "take Clip"},
      {"StringDefaultFits", auto_pad, Conv(""), "", ""},
      {"StringDoesNotFit", auto_pad, Conv("auto_pad = \"SAME_UPPER\""), "auto_pad is SAME_UPPER, only NOTSET is",
       "set auto_pad to NOTSET"},
      {"IntsFit", dilation, Conv("dilations = [1,1]"), "", ""},
      {"IntsDoNotFit", dilation, Conv("dilations = [1,2]"), "dilations is [1, 2], only 1 is", "set dilations to 1"},
      {"MaxDoesNotFit", kernel, Conv(""), "kernel_shape is [3, 3], only at most 2 is", "shrink it"},
      {"LastAxisFromTheFront", axis, OneNode("Softmax<axis = 3>(x)"), "", ""},
      {"OtherAxis", axis, OneNode("Softmax<axis = 1>(x)"), "axis is 1, only -1 is", ""},
      {"NotPadded", pool, OneNode("AveragePool<kernel_shape = [2,2]>(x)"), "", ""},
      {"Padded", pool, OneNode("AveragePool<kernel_shape = [2,2], pads = [1,1,1,1]>(x)"), "count_include_pad is 0", ""},
      {"ConditionDoesNotHold", nearest, OneNode("Resize<mode = \"linear\">(x, , s)", scales), "", ""},
      {"ConditionHolds", nearest, OneNode("Resize<mode = \"nearest\">(x, , s)", scales),
       "nearest_mode is round_prefer_floor, only floor is", ""},
      {"OneOfTwoConditionsHolds", asymmetric,
       OneNode("Resize<mode = \"linear\", nearest_mode = \"floor\">(x, , s)", scales), "", ""},
      {"BothConditionsHold", asymmetric,
       OneNode("Resize<mode = \"nearest\", nearest_mode = \"floor\">(x, , s)", scales),
       "coordinate_transformation_mode is half_pixel, only asymmetric is", ""},
      {"NeverButDefault", alpha, OneNode("Elu<alpha = 1.0>(x)"), "", ""},
      {"Never", alpha, OneNode("Elu<alpha = 0.5>(x)"), "alpha is 0.5, which is not supported", "leave alpha out"},
  };
}

std::vector<Case> ShapeCases() {
  const std::string rank4 = R"(op_type: "ReduceMean" shapes { min_rank: 4 max_rank: 4 change: "reshape" })";
  const std::string wide = R"(op_type: "Relu" shapes { max_dimension: 7 })";
  const std::string exponent = R"(op_type: "Pow" shapes { index: 1 constant: true max_elements: 1 })";
  const std::string slope = R"(op_type: "PRelu" shapes { index: 1 one_per_channel: true })";
  const std::string steps = R"(op_type: "Slice" shapes { index: 4 values: 1 note: "steps" })";
  const std::string scales = R"(op_type: "Resize" shapes { index: 2 min_power_of_two: 0.0625 max_power_of_two: 16 })";
  const std::string absent = R"(op_type: "Clip" shapes { index: 2 absent: true })";
  const std::string slice = "int64[1] a = {0}, int64[1] b = {4}, int64[1] c = {3}, int64[1] d = ";
  return {
      {"RankFits", rank4, OneNode("ReduceMean(x)"), "", ""},
      {"RankDoesNotFit", rank4, "g (float[2,3] x) => (y) { y = ReduceMean(x) }",
       "input 0 has 2 dimensions, supported are exactly 4", "reshape"},
      {"DimensionTooLarge", wide, OneNode("Relu(x)"), "has a dimension of 8, supported are at most 7", ""},
      {"Constant", exponent, OneNode("Pow(x, e)", "float e = {2.0}"), "", ""},
      {"Computed", exponent, "g (float[2] x, float e) => (y) { y = Pow(x, e) }", "is computed", ""},
      {"TooManyElements", exponent, OneNode("Pow(x, e)", "float[8] e = {1,1,1,1,1,1,1,1}"), "has 8 elements", ""},
      {"OnePerChannel", slope, OneNode("PRelu(x, s)", "float[4,1,1] s = {1,1,1,1}"), "", ""},
      {"OnePerColumn", slope, OneNode("PRelu(x, s)", "float[8] s = {1,1,1,1,1,1,1,1}"), "8 elements for 4 channels",
       ""},
      {"ValueFits", steps, OneNode("Slice(x, a, b, c, d)", slice + "{1}"), "", ""},
      {"ValueDoesNotFit", steps, OneNode("Slice(x, a, b, c, d)", slice + "{2}"), "holds 2, supported are 1 (steps)",
       ""},
      {"PowerOfTwo", scales, OneNode("Resize(x, , s)", "float[4] s = {1.0, 1.0, 4.0, 0.5}"), "", ""},
      {"NoPowerOfTwo", scales, OneNode("Resize(x, , s)", "float[4] s = {1.0, 1.0, 3.0, 3.0}"),
       "holds 3, supported are powers of two from 0.0625 to 16", ""},
      {"LeftOut", absent, OneNode("Clip(x, a)", "float a = {0}"), "", ""},
      {"NotLeftOut", absent, OneNode("Clip(x, a, b)", "float a = {0}, float b = {1}"), "is given", ""},
  };
}

std::vector<Case> WindowCases() {
  const auto rule = [](const std::string& window) {
    return absl::StrCat(R"(op_type: "Conv" window { change: "choose another" )", window, " }");
  };
  const std::string strides = rule(R"(strides: "1x1" strides: "2x2" strides_as_kernel: true)");
  const std::string output_padding = R"(op_type: "ConvTranspose" window { output_padding_within_pads: true })";
  const auto transposed = [](const std::string& attributes) {
    return absl::StrCat("g (float[1,4,8,8] x, float[4,4,3,3] w) => (y) { y = ConvTranspose<kernel_shape = [3,3], ",
                        "strides = [2,2], ", attributes, ">(x, w) }");
  };
  return {
      {"StridesByDefault", strides, Conv(""), "", ""},
      {"StridesAsKernel", strides, Conv("strides = [3,3]"), "", ""},
      {"StridesDoNotFit", strides, Conv("strides = [1,2]"), "strides are 1x2, supported are 1x1, 2x2",
       "choose another"},
      {"DilatedKernelFits", rule("max_dilated_kernel: 5"), Conv("dilations = [2,2]"), "", ""},
      {"DilatedKernelTooLarge", rule("max_dilated_kernel: 4"), Conv("dilations = [2,2]"), "reaches over 5", ""},
      {"Volume", rule("max_kernel_volume: 35"), Conv(""), "kernel times input channels is 36", ""},
      {"SymmetricPads", rule("symmetric_pads: true"), Conv("pads = [1,0,1,0]"), "", ""},
      {"AsymmetricPads", rule("symmetric_pads: true"), Conv("pads = [0,0,1,1]"), "pads differ", ""},
      {"PadTooLarge", rule("max_pad: 1"), Conv("pads = [2,2,2,2]"), "a pad is 2", ""},
      {"TooWide", rule("max_input_width: 7"), Conv(""), "the input is 8 wide", ""},
      {"OutputPaddingWithinPads", output_padding, transposed("pads = [1,1,1,1], output_padding = [1,1]"), "", ""},
      {"OutputPaddingBeyondPads", output_padding, transposed("output_padding = [1,1]"), "output_padding is 1x1", ""},
  };
}

std::vector<Case> OtherCases() {
  const std::string after = R"(op_type: "HardSigmoid" after: "Conv")";
  const std::string cast = R"(op_type: "Cast" target_types: "uint8" target_types: "float")";
  return {
      {"AfterConv", after, "g (float[1,4,8,8] x, float[4,4,3,3] w) => (y) { c = Conv(x, w) y = HardSigmoid(c) }", "",
       ""},
      {"NotAfterConv", after, OneNode("HardSigmoid(x)"), "follows an input, supported is only right after Conv",
       "right after a Conv"},
      {"CastFits", cast, OneNode("Cast<to = 1>(x)"), "", ""},
      {"CastDoesNotFit", cast, OneNode("Cast<to = 7>(x)"), "casts to int64, supported are uint8, float", ""},
  };
}

std::string NameOf(const ::testing::TestParamInfo<Case>& info) { return info.param.name; }

INSTANTIATE_TEST_SUITE_P(Attributes, SupportTest, ::testing::ValuesIn(AttributeCases()), NameOf);
INSTANTIATE_TEST_SUITE_P(Shapes, SupportTest, ::testing::ValuesIn(ShapeCases()), NameOf);
INSTANTIATE_TEST_SUITE_P(Windows, SupportTest, ::testing::ValuesIn(WindowCases()), NameOf);
INSTANTIATE_TEST_SUITE_P(Others, SupportTest, ::testing::ValuesIn(OtherCases()), NameOf);

TEST(SupportOfTargetTest, NamesAllThatIsWrong) {
  const Support support = CheckLast(Conv("strides = [1,2], auto_pad = \"SAME_UPPER\""), TargetWith(R"(operators {
                      op_type: "Conv"
                      attributes { name: "auto_pad" strings: "NOTSET" }
                      window { strides: "1x1" }
                    })"));
  EXPECT_EQ(support.reason, "auto_pad is SAME_UPPER, only NOTSET is; strides are 1x2, supported are 1x1");
}

TEST(SupportOfTargetTest, SlowFormsAreSlow) {
  const v1::TargetDescription target = TargetWith(R"(operators {
      op_type: "Conv"
      slow_forms { when { depthwise: true } reason: "depthwise" }
      slow_forms { when { grouped: true attributes { name: "dilations" min: 2 } } reason: "grouped and dilated" }
      slow_forms {
        when { attributes { name: "kernel_shape" min: 2 } }
        except { attributes { name: "kernel_shape" ints: 3 } }
        reason: "an odd kernel"
      }
    })");
  const auto reason = [&](const std::string& weights, const std::string& attributes) {
    return CheckLast(
               absl::StrCat("g (float[1,4,8,8] x, float", weights, " w) => (y) { y = Conv<", attributes, ">(x, w) }"),
               target)
        .slow_reason;
  };
  EXPECT_EQ(reason("[4,4,3,3]", "kernel_shape = [3,3]"), "");
  EXPECT_EQ(reason("[4,1,3,3]", "kernel_shape = [3,3], group = 4"), "depthwise");
  EXPECT_EQ(reason("[4,2,3,3]", "kernel_shape = [3,3], group = 2"), "");
  EXPECT_EQ(reason("[4,2,3,3]", "kernel_shape = [3,3], group = 2, dilations = [2,2]"), "grouped and dilated");
  EXPECT_EQ(reason("[4,4,5,5]", "kernel_shape = [5,5]"), "an odd kernel");
}

TEST(SupportOfTargetTest, WithoutNpuEverythingIsOnTheCpu) {
  ASSERT_OK_AND_ASSIGN(const v1::TargetDescription target, FindTarget("ONNX_RUNTIME"));
  const Support support = CheckLast(OneNode("Relu(x)"), target);
  EXPECT_EQ(support.placement, Placement::kCpu);
  EXPECT_THAT(support.reason, HasSubstr("no NPU"));
}

TEST(SupportOfTargetTest, WhatExceedsTheMemoryIsImpossible) {
  ASSERT_OK_AND_ASSIGN(const v1::TargetDescription target, FindTarget("AX620Q"));
  const Support support = CheckLast("g (float[1,64,4096,4096] x) => (y) { y = Relu(x) }", target);
  EXPECT_EQ(support.placement, Placement::kImpossible);
  EXPECT_THAT(support.reason, HasSubstr("larger than the AX620Q's memory"));
}

}  // namespace
}  // namespace joinery::compiler
