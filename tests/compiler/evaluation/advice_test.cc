#include "compiler/evaluation/advice.h"

#include <gmock/gmock.h>
#include <google/protobuf/text_format.h>
#include <gtest/gtest.h>

#include <string>

#include "absl/strings/str_cat.h"

namespace joinery::compiler {
namespace {

using ::testing::AllOf;
using ::testing::HasSubstr;
using ::testing::IsEmpty;
using ::testing::SizeIs;

struct Case {
  std::string name;
  // Of a manifest; the advice is about its last layer, or one before it.
  std::string manifest;
  std::string kind;
  std::string finding;
  std::string action;
};

v1::Manifest Parse(const std::string& text) {
  v1::Manifest manifest;
  EXPECT_TRUE(google::protobuf::TextFormat::ParseFromString(text, &manifest)) << text;
  return manifest;
}

class AdviceTest : public ::testing::TestWithParam<Case> {};

TEST_P(AdviceTest, SaysWhatWasMeasuredAndWhatToDo) {
  v1::Manifest manifest = Parse(GetParam().manifest);
  AddAdvice(manifest);
  ASSERT_THAT(manifest.precision().advice(), SizeIs(1)) << manifest.precision().DebugString();
  const v1::Advice& advice = manifest.precision().advice(0);
  EXPECT_EQ(advice.kind(), GetParam().kind);
  EXPECT_THAT(advice.finding(), HasSubstr(GetParam().finding));
  EXPECT_THAT(advice.action(), HasSubstr(GetParam().action));
  // Running again replaces.
  AddAdvice(manifest);
  EXPECT_THAT(manifest.precision().advice(), SizeIs(1));
}

INSTANTIATE_TEST_SUITE_P(
    , AdviceTest,
    ::testing::ValuesIn<Case>({
        {"FewSamples", "calibration_set { samples: 3 }", "few_samples", "only 3 samples", "50 to 100"},
        {"ChannelSpread", R"(precision { layers { name: "Conv_12" bits: 8 injected_error: 0.1 contribution: 0.1
            channel_spread: 40 } })",
         "channel_spread",
         "Conv_12: one output channel spans 40 times the median of the others, which is left with 2.7",
         "cross_layer_equalization: SWITCH_ON"},
        {"ChannelSpreadInSpiteOfEqualization", R"(
            configuration { quantization { cross_layer_equalization: true } }
            precision { layers { name: "Conv_12" bits: 8 injected_error: 0.1 contribution: 0.1 channel_spread: 40 } })",
         "channel_spread", "40 times", R"(was applied and could not balance it)"},
        {"WeightSpread", R"(configuration { calibration { weight_granularity: WEIGHT_GRANULARITY_PER_TENSOR } }
            precision { layers { name: "c" bits: 8 weight_bits: 8 injected_error: 0.1 contribution: 0.1
                                 weight_spread: 25 } })",
         "weight_spread", "25 times", "CALIB_STRATEGY_PER_CHANNEL"},
        {"Saturation", R"(precision { layers { name: "c" tensor: "X" bits: 8 injected_error: 0.1 saturation: 0.03 } })",
         "saturation", "cuts off 3.00 % of the values of tensor \"X\"", "RANGE_METHOD_MIN_MAX"},
        {"Inputs", R"(precision { layers { name: "Add_7" op_type: "Add" bits: 8 injected_error: 0.1 contribution: 0.1
            input_spread: 32 } })",
         "input_spread", "Add_7 adds tensors whose ranges differ 32 times: the smaller loses 5.0 bits",
         R"(layer_configs { layer_names: "Add_7" bits: LAYER_BITS_16 })"},
        {"Score", R"(precision { outputs { name: "p" sqnr_db: 12 }
            layers { name: "last" tensor: "l" bits: 8 injected_error: 0.1 }
            layers { name: "s" op_type: "Sigmoid" tensor: "p" inputs: "l" sqnr_db: 12 } })",
         "score_output", "Output \"p\" is a score behind a Sigmoid", R"(layer_names: "last")"},
        {"Dominant", R"(precision { outputs { name: "p" sqnr_db: 12 }
            layers { name: "quo\"te" bits: 8 injected_error: 0.1 contribution: 0.4 } })",
         "dominant_layer", "causes 40 % of the outputs' error (estimated)", R"(layer_names: "quo\"te")"},
        {"UnusedRange", R"(precision { layers { name: "c" tensor: "X" bits: 8 injected_error: 0.1 contribution: 0.1
            range_max: 100 observed_max: 10 } })",
         "unused_range", "use only 10 % of the range", "RANGE_METHOD_MSE"},
        {"UnusedRangeOfASharedScale", R"(precision {
            layers { name: "wide" tensor: "W" bits: 8 scale: 0.5 observed_max: 100 range_max: 100 }
            layers { name: "narrow" tensor: "X" bits: 8 injected_error: 0.1 contribution: 0.1 scale: 0.5 range_max: 100
                     observed_max: 10 } })",
         "unused_range", "tensor \"X\"", "shares its scale with wider tensors"},
    }),
    [](const auto& test) { return test.param.name; });

TEST(AdviceLimitsTest, NothingIsSaidOfAGoodModel) {
  v1::Manifest manifest = Parse(R"(calibration_set { samples: 100 } precision { outputs { name: "o" sqnr_db: 30 }
      layers { name: "a" bits: 8 injected_error: 0.01 contribution: 0.1 channel_spread: 3 weight_spread: 50
               range_max: 10 observed_max: 9 saturation: 0.0001 input_spread: 2 op_type: "Add" } })");
  AddAdvice(manifest);
  EXPECT_THAT(manifest.precision().advice(), IsEmpty());
}

TEST(AdviceLimitsTest, SaysNothingOfChannelsThatDoNotMatter) {
  v1::Manifest manifest =
      Parse("precision { layers { name: 'a' bits: 8 injected_error: 0.01 contribution: 0.001 channel_spread: 99 } }");
  AddAdvice(manifest);
  EXPECT_THAT(manifest.precision().advice(), IsEmpty());
}

TEST(AdviceLimitsTest, KeepsToTheWorstThreeOfAKind) {
  v1::Manifest manifest;
  for (int i = 0; i < 10; ++i) {
    v1::LayerPrecision* layer = manifest.mutable_precision()->add_layers();
    layer->set_name(absl::StrCat(i));
    layer->set_bits(8);
    layer->set_injected_error(0.1F);
    layer->set_contribution(0.02F + 0.01F * static_cast<float>(i));
    layer->set_channel_spread(20);
  }
  AddAdvice(manifest);
  ASSERT_THAT(manifest.precision().advice(), SizeIs(3));
  EXPECT_EQ(manifest.precision().advice(0).layer(), "9");
  EXPECT_EQ(manifest.precision().advice(2).layer(), "7");
}

}  // namespace
}  // namespace joinery::compiler
