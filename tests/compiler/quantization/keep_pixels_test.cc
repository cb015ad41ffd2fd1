#include "compiler/quantization/keep_pixels.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <memory>
#include <optional>
#include <string>
#include <vector>

#include "compiler/execution/executor.h"
#include "onnx/shape_inference/implementation.h"
#include "tests/compiler/frontend/onnx_text.h"
#include "tests/testing/status_matchers.h"

namespace joinery::compiler {
namespace {

using ::joinery::testing::IsOk;
using ::joinery::testing::IsOkAndHolds;

struct Case {
  std::string name;
  std::string constants;
  std::string chain;
  // Of QuantizeLinear; nullopt: the bytes cannot be kept.
  std::optional<QuantizationParameters> parameters;
};

// Bytes [1, 4, 1, 64] (all of them), through `chain` to "t", quantized with the parameters.
Graph Load(const Case& c, const QuantizationParameters& parameters) {
  onnx::ModelProto model =
      ParseOnnxText("g (uint8[1,4,1,64] x) => (uint8[1,a,b,d] y) <" + c.constants + "float scale = {" +
                    std::to_string(parameters.scale) + "}, uint8 zero = {" + std::to_string(parameters.zero_point) +
                    "}> {" + c.chain + " q = QuantizeLinear(t, scale, zero) y = Identity(q) }");
  for (onnx::TensorProto& tensor : *model.mutable_graph()->mutable_initializer()) {
    // The text has too few digits.
    if (tensor.name() == "scale") tensor.set_float_data(0, parameters.scale);
  }
  onnx::shape_inference::InferShapes(model);
  return Graph(std::move(model));
}

std::vector<uint8_t> RunOnAllBytes(const Graph& graph) {
  const auto executor = LoadOnnxRuntime(graph.model(), {});
  EXPECT_THAT(executor, IsOk());
  std::vector<uint8_t> bytes(256);
  for (size_t i = 0; i < bytes.size(); ++i) bytes[i] = static_cast<uint8_t>(i);
  const auto outputs = RunToTensors(**executor, {MakeTensor<uint8_t>(onnx::TensorProto::UINT8, {1, 4, 1, 64}, bytes)});
  EXPECT_THAT(outputs, IsOk());
  const absl::Span<const uint8_t> values = (*outputs)[0].values<uint8_t>();
  return {values.begin(), values.end()};
}

bool Contains(Graph& graph, const std::string& op_type) {
  for (const onnx::NodeProto* node : graph.nodes()) {
    if (node->op_type() == op_type) return true;
  }
  return false;
}

class KeepPixelsTest : public ::testing::TestWithParam<Case> {};

TEST_P(KeepPixelsTest, FindsTheParametersAndKeepsTheMeaning) {
  const Case& c = GetParam();
  const QuantizationParameters parameters = c.parameters.value_or(QuantizationParameters{0.02F, 100});
  Graph graph = Load(c, parameters);
  const std::optional<QuantizationParameters> found = PixelParameters(graph, {.tensors = {"t"}, .constants = {}});
  ASSERT_EQ(found.has_value(), c.parameters.has_value());
  if (found.has_value()) {
    EXPECT_EQ(found->scale, parameters.scale);
    EXPECT_EQ(found->zero_point, parameters.zero_point);
  }
  const std::vector<uint8_t> before = RunOnAllBytes(graph);
  EXPECT_THAT(RemoveIdentityPreprocessing(graph), IsOkAndHolds(c.parameters.has_value() ? 1 : 0));
  EXPECT_EQ(Contains(graph, "QuantizeLinear"), !c.parameters.has_value());
  EXPECT_EQ(Contains(graph, "Cast"), !c.parameters.has_value());
  EXPECT_EQ(RunOnAllBytes(graph), before);
}

INSTANTIATE_TEST_SUITE_P(
    , KeepPixelsTest,
    ::testing::ValuesIn<Case>({
        {"BytesAsTheyAre", "", "t = Cast<to = 1>(x)", QuantizationParameters{1, 0}},
        {"AFactor", "float m = {0.125},", "c = Cast<to = 1>(x) t = Mul(c, m)", QuantizationParameters{0.125F, 0}},
        {"FactorTermAndTransposition", "float m = {0.0078125}, float b = {-0.9921875},",
         "c = Cast<to = 1>(x) d = Mul(c, m) e = Add(d, b) t = Transpose<perm = [0, 3, 1, 2]>(e)",
         QuantizationParameters{0.0078125F, 127}},
        {"TransposedAndSwapped", "float b = {-3}, int64[4] order = {3, 2, 1, 0},",
         "c = Cast<to = 1>(x) d = Add(c, b) e = Transpose<perm = [0, 2, 1, 3]>(d) t = Gather<axis = 2>(e, order)",
         QuantizationParameters{1, 3}},
        {"HalfAPixelValueIsNoZeroPoint", "float b = {-127.5},", "c = Cast<to = 1>(x) t = Add(c, b)", std::nullopt},
        {"NoZeroAmongTheBytes", "float b = {1},", "c = Cast<to = 1>(x) t = Add(c, b)", std::nullopt},
        {"ChannelsOfTheirOwn", "float[1,4,1,1] m = {1, 2, 3, 4},", "c = Cast<to = 1>(x) t = Mul(c, m)", std::nullopt},
        {"AnotherOperator", "", "c = Cast<to = 1>(x) t = Relu(c)", std::nullopt},
    }),
    [](const auto& test) { return test.param.name; });

TEST(RemoveIdentityPreprocessingTest, OtherParametersStay) {
  Graph graph = Load({"", "", "t = Cast<to = 1>(x)", std::nullopt}, {.scale = 1.01F, .zero_point = 0});
  EXPECT_THAT(RemoveIdentityPreprocessing(graph), IsOkAndHolds(0));
  EXPECT_TRUE(Contains(graph, "Cast"));
}

TEST(RemoveIdentityPreprocessingTest, WhatIsReadElsewhereStays) {
  Graph graph = Load({"", "", "e = Cast<to = 1>(x) t = Transpose<perm = [0, 2, 1, 3]>(e) other = Abs(t)", std::nullopt},
                     {.scale = 1, .zero_point = 0});
  EXPECT_THAT(RemoveIdentityPreprocessing(graph), IsOkAndHolds(0));
}

TEST(PixelParametersTest, SixteenBitsAreAnotherMatter) {
  Graph graph = Load({"", "", "t = Cast<to = 1>(x)", std::nullopt}, {});
  EXPECT_FALSE(PixelParameters(graph, {.tensors = {"t"}, .constants = {}, .bits = 16}).has_value());
}

}  // namespace
}  // namespace joinery::compiler
