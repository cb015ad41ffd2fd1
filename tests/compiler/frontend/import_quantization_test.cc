#include "compiler/frontend/import_quantization.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <string>
#include <vector>

#include "compiler/frontend/import_model.h"
#include "compiler/frontend/load_model.h"
#include "compiler/frontend/simplify.h"
#include "tests/compiler/frontend/onnx_text.h"
#include "tests/testing/status_matchers.h"

namespace joinery::compiler {
namespace {

using ::joinery::testing::IsOk;
using ::joinery::testing::StatusIs;
using ::testing::AllOf;
using ::testing::ElementsAre;
using ::testing::HasSubstr;
using ::testing::IsEmpty;
using ::testing::Key;
using ::testing::UnorderedElementsAre;

struct Result {
  Graph graph;
  ImportedQuantization quantization;
};

Result Import(const std::string& text, int opset = 13) {
  Graph graph(ParseOnnxText(text, opset));
  absl::StatusOr<ImportedQuantization> quantization = ImportQuantization(graph);
  EXPECT_THAT(quantization, IsOk());
  return {std::move(graph), *std::move(quantization)};
}

std::string Text(const std::string& text, int opset = 13) { return ToText(ParseOnnxText(text, opset)); }

TEST(ImportQuantizationTest, TakesActivationsWeightsAndBiases) {
  const Result result = Import(R"(g (float[1,1,2,2] x) => (float[1,2,2,2] y)
      <float xs = {0.5}, uint8 xz = {3}, int8[2,1,1,1] w_quantized = {-128, 5}, float[2] ws = {0.25, 2},
       int8[2] wz = {0, 0}, int32[2] b = {8, -2}, float[2] bs = {0.125, 1}, int32[2] bz = {0, 0},
       float ys = {0.1}, uint8 yz = {7}> {
        xq = QuantizeLinear(x, xs, xz)
        xd = DequantizeLinear(xq, xs, xz)
        wd = DequantizeLinear <axis = 0> (w_quantized, ws, wz)
        bd = DequantizeLinear <axis = 0> (b, bs, bz)
        c = Conv(xd, wd, bd)
        cq = QuantizeLinear(c, ys, yz)
        y = DequantizeLinear(cq, ys, yz) })");
  EXPECT_EQ(ToText(result.graph.model()), Text(R"(g (float[1,1,2,2] x) => (float[1,2,2,2] y)
      <float[2,1,1,1] w = {-32, 10}, float[2] b_1 = {1, -2}> { y = Conv(x, w, b_1) })"));
  ASSERT_THAT(result.quantization.activations, UnorderedElementsAre(Key("x"), Key("y")));
  const ImportedActivation& x = result.quantization.activations.at("x");
  EXPECT_EQ(x.scale, 0.5F);
  EXPECT_EQ(x.zero_point, 3);
  EXPECT_EQ(x.bits, 8);
  EXPECT_EQ(result.quantization.activations.at("y").zero_point, 7);
  ASSERT_THAT(result.quantization.weights, ElementsAre(Key("w")));
  const ImportedWeights& weights = result.quantization.weights.at("w");
  EXPECT_THAT(weights.values, ElementsAre(-128, 5));
  EXPECT_THAT(weights.scales, ElementsAre(0.25F, 2));
  EXPECT_EQ(weights.axis, 0);
  EXPECT_THAT(result.quantization.notes, IsEmpty());
}

TEST(ImportQuantizationTest, RoundsWeightsAsTrainingDid) {
  const Result result = Import(R"(g (float[1,2] x) => (float[1,2] y)
      <float[2,2] w = {0.24, -0.26, 100, 1.4}, float[2] s = {0.5, 1}, int8[2] z = {0, 0}> {
        q = QuantizeLinear <axis = 0> (w, s, z)
        d = DequantizeLinear <axis = 0> (q, s, z)
        y = Gemm <transB = 1> (x, d) })");
  EXPECT_EQ(ToText(result.graph.model()), Text(R"(g (float[1,2] x) => (float[1,2] y)
      <float[2,2] w = {0, -0.5, 100, 1}> { y = Gemm <transB = 1> (x, w) })"));
  EXPECT_THAT(result.quantization.weights.at("w").values, ElementsAre(0, -1, 100, 1));
}

TEST(ImportQuantizationTest, SignedAndWideNumbersBecomeUnsigned) {
  const Result result = Import(R"(g (float[2] x) => (float[2] y)
      <float s = {0.5}, int8 z = {-3}, int16 wide = {5}> {
        q = QuantizeLinear(x, s, z)  d = DequantizeLinear(q, s, z)
        t = Tanh(d)
        v = QuantizeLinear(t, s, wide)  y = DequantizeLinear(v, s, wide) })",
                               21);
  EXPECT_EQ(result.quantization.activations.at("x").zero_point, 125);
  EXPECT_EQ(result.quantization.activations.at("y").zero_point, 32773);
  EXPECT_EQ(result.quantization.activations.at("y").bits, 16);
}

TEST(ImportQuantizationTest, ReadsScalesThroughConstantAndIdentity) {
  const Result result = Import(R"(g (float[2] x) => (float[2] y) {
        s = Constant <value = float {0.5}> ()  z = Constant <value = uint8 {3}> ()  t = Identity(s)
        q = QuantizeLinear(x, s, z)  d = DequantizeLinear(q, t, z)
        y = Tanh(d) })");
  EXPECT_EQ(ToText(result.graph.model()), Text("g (float[2] x) => (float[2] y) { y = Tanh(x) }"));
  EXPECT_EQ(result.quantization.activations.at("x").zero_point, 3);
}

TEST(ImportQuantizationTest, AnOutputOfSeveralNamesKeepsThem) {
  const Result result = Import(R"(g (float[2] x) => (float[2] t, float[2] y) <float s = {0.5}, uint8 z = {3}> {
        t = Tanh(x)  q = QuantizeLinear(t, s, z)  y = DequantizeLinear(q, s, z) })");
  EXPECT_EQ(ToText(result.graph.model()),
            Text("g (float[2] x) => (float[2] t, float[2] y) { t = Tanh(x)  y = Identity(t) }"));
}

TEST(ImportQuantizationTest, WeightsThatAreNotSymmetricKeepOnlyTheirValues) {
  const std::string before = R"(g (float[1,2] x) => (float[1,1] y)
      <uint8[2,1] w = {100, 250}, float s = {0.5}, uint8 z = {)";
  const std::string after = R"(}> { d = DequantizeLinear(w, s, z)  y = MatMul(x, d) })";
  const Result shifted = Import(before + "128" + after);
  EXPECT_THAT(shifted.quantization.weights.at("w_1").values, ElementsAre(-28, 122));
  EXPECT_THAT(shifted.quantization.notes, IsEmpty());
  const Result skewed = Import(before + "100" + after);
  EXPECT_THAT(skewed.quantization.weights, IsEmpty());
  EXPECT_THAT(skewed.quantization.notes, ElementsAre(AllOf(HasSubstr("\"w_1\""), HasSubstr("rounded anew"))));
  EXPECT_EQ(ToText(skewed.graph.model()), Text(R"(g (float[1,2] x) => (float[1,1] y)
      <float[2,1] w_1 = {0, 75}> { y = MatMul(x, w_1) })"));
}

TEST(ImportQuantizationTest, KnowsWeightsBehindATranspose) {
  const Result result = Import(R"(g (float[1,3] x) => (float[1,2] y)
      <int8[2,3] w = {1, 2, 3, 4, 5, 6}, float[2] s = {0.5, 1}, int8[2] z = {0, 0}> {
        d = DequantizeLinear <axis = 0> (w, s, z)  t = Transpose <perm = [1, 0]> (d)  y = MatMul(x, t) })");
  const ImportedWeights& weights = result.quantization.weights.at("t");
  EXPECT_THAT(weights.shape, ElementsAre(3, 2));
  EXPECT_THAT(weights.values, ElementsAre(1, 4, 2, 5, 3, 6));
  EXPECT_EQ(weights.axis, 1);
  EXPECT_EQ(ToText(result.graph.model()), Text(R"(g (float[1,3] x) => (float[1,2] y)
      <float[3,2] t = {0.5, 4, 1, 5, 1.5, 6}> { y = MatMul(x, t) })"));
}

TEST(ImportQuantizationTest, TransposesWeightsOfManyDimensions) {
  const Result result = Import(R"(g (float[1,2,2,2] x) => (float[1,3,2,2] y)
      <int8[1,1,2,3] w = {1, 2, 3, 4, 5, 6}, float[3] s = {0.5, 1, 2}, int8[3] z = {0, 0, 0}> {
        d = DequantizeLinear <axis = 3> (w, s, z)  t = Transpose <perm = [3, 2, 0, 1]> (d)  y = Conv(x, t) })");
  const ImportedWeights& weights = result.quantization.weights.at("t");
  EXPECT_THAT(weights.shape, ElementsAre(3, 2, 1, 1));
  EXPECT_THAT(weights.values, ElementsAre(1, 4, 2, 5, 3, 6));
  EXPECT_EQ(weights.axis, 0);
}

TEST(ImportQuantizationTest, AReluThatTheQuantizationReplacedComesBack) {
  const Result result = Import(R"(g (float[1,1,2,2] x) => (float[1,1,2,2] y)
      <float[1,1,1,1] w = {2}, float s = {0.5}, uint8 z = {0}> {
        c = Conv(x, w)
        q = QuantizeLinear(c, s, z)  d = DequantizeLinear(q, s, z)
        t = Add(d, d)
        r = QuantizeLinear(t, s, z)  y = DequantizeLinear(r, s, z) })");
  // The sum of what is not negative needs none.
  EXPECT_EQ(ToText(result.graph.model()), Text(R"(g (float[1,1,2,2] x) => (float[1,1,2,2] y)
      <float[1,1,1,1] w = {2}, float c_min = {0}, float c_max = {127.5}> {
        c_uncut = Conv(x, w)  [c_Clip] c = Clip(c_uncut, c_min, c_max)  y = Add(c, c) })"));
}

TEST(ImportQuantizationTest, AReducedRangeIsCutOffInTheFloatGraph) {
  const Result result = Import(R"(g (float[2] x) => (float[2] y)
      <float s = {0.5}, uint8 z = {10}, uint8 low = {0}, uint8 high = {127}> {
        t = Tanh(x)
        q = QuantizeLinear(t, s, z)  k = Clip(q, low, high)  d = DequantizeLinear(k, s, z)
        y = Tanh(d) })");
  EXPECT_EQ(ToText(result.graph.model()), Text(R"(g (float[2] x) => (float[2] y)
      <float t_min = {-5}, float t_max = {58.5}> { t_uncut = Tanh(x)  [t_Clip] t = Clip(t_uncut, t_min, t_max)  y = Tanh(t) })"));
  EXPECT_EQ(result.quantization.activations.at("t").zero_point, 10);
}

TEST(ImportQuantizationTest, AReluTakesOverTheCut) {
  const Result result = Import(R"(g (float[2] x) => (float[2] y)
      <float s = {0.5}, uint8 z = {0}, uint8 high = {127}> {
        t = Relu(x)
        q = QuantizeLinear(t, s, z)  k = Clip(q, , high)  d = DequantizeLinear(k, s, z)
        y = Tanh(d) })");
  EXPECT_EQ(ToText(result.graph.model()), Text(R"(g (float[2] x) => (float[2] y)
      <float t_min = {0}, float t_max = {63.5}> { t = Clip(x, t_min, t_max)  y = Tanh(t) })"));
}

TEST(ImportQuantizationTest, ReadersThatDisagreeAreNoted) {
  const Result result = Import(R"(g (float[2] x) => (float[2] y)
      <float s = {0.5}, float r = {0.25}, uint8 z = {3}> {
        q = QuantizeLinear(x, s, z)  d = DequantizeLinear(q, s, z)
        p = QuantizeLinear(x, r, z)  e = DequantizeLinear(p, r, z)
        y = Add(d, e) })");
  EXPECT_EQ(result.quantization.activations.at("x").scale, 0.5F);
  EXPECT_THAT(result.quantization.notes, ElementsAre(AllOf(HasSubstr("\"x\""), HasSubstr("different scales"))));
}

struct LeftCase {
  std::string name;
  std::string model;
  std::string note;
  int opset = 13;
};

class ImportQuantizationLeavesTest : public ::testing::TestWithParam<LeftCase> {};

TEST_P(ImportQuantizationLeavesTest, WhatHasNoSuchForm) {
  const LeftCase& c = GetParam();
  const Result result = Import(c.model, c.opset);
  EXPECT_EQ(onnx::ProtoToString(result.graph.proto()), onnx::ProtoToString(ParseOnnxText(c.model, c.opset).graph()));
  EXPECT_THAT(result.quantization.notes, ElementsAre(AllOf(HasSubstr(c.note), HasSubstr("stays as it is"))));
}

INSTANTIATE_TEST_SUITE_P(
    , ImportQuantizationLeavesTest,
    ::testing::ValuesIn<LeftCase>({
        {"ChannelsOfAnActivation", R"(g (float[1,2] x) => (float[1,2] y)
            <float[2] s = {0.5, 1}, uint8[2] z = {3, 4}> {
              q = QuantizeLinear(x, s, z)  d = DequantizeLinear(q, s, z)  y = Tanh(d) })",
         "channels"},
        {"ScaleThatIsComputed", R"(g (float[2] x, float s) => (float[2] y) <uint8 z = {3}> {
              q = QuantizeLinear(x, s, z)  d = DequantizeLinear(q, s, z)  y = Tanh(d) })",
         "not constant"},
        {"PairThatDisagrees", R"(g (float[2] x) => (float[2] y) <float s = {0.5}, float r = {0.25}, uint8 z = {3}> {
              q = QuantizeLinear(x, s, z)  d = DequantizeLinear(q, r, z)  y = Tanh(d) })",
         "another scale"},
        {"IntegersThatAreComputed", R"(g (uint8[2] x) => (float[2] y) <float s = {0.5}, uint8 z = {3}> {
              d = DequantizeLinear(x, s, z)  y = Tanh(d) })",
         "neither a constant"},
        {"Blocks", R"(g (float[1,4] x) => (float[1,1] y) <int8[4,1] w = {1, 2, 3, 4}, float[2,1] s = {0.5, 1}> {
              d = DequantizeLinear <axis = 0, block_size = 2> (w, s)  y = MatMul(x, d) })",
         "blocks", 21},
    }),
    [](const auto& test) { return test.param.name; });

TEST(ImportQuantizationTest, NumbersThatCannotBeAreErrors) {
  Graph zero(ParseOnnxText(R"(g (float[2] x) => (float[2] y) <float s = {0}, uint8 z = {3}> {
        q = QuantizeLinear(x, s, z)  y = DequantizeLinear(q, s, z) })"));
  EXPECT_THAT(ImportQuantization(zero), StatusIs(absl::StatusCode::kInvalidArgument, HasSubstr("scale is 0")));
  Graph channels(ParseOnnxText(R"(g (float[1,3] x) => (float[1,1] y) <int8[3,1] w = {1, 2, 3}, float[2] s = {1, 2}> {
        d = DequantizeLinear <axis = 0> (w, s)  y = MatMul(x, d) })"));
  EXPECT_THAT(ImportQuantization(channels), StatusIs(absl::StatusCode::kInvalidArgument, HasSubstr("2 scales")));
}

onnx::ModelProto Contrib(onnx::ModelProto model) {
  onnx::OperatorSetIdProto* opset = model.add_opset_import();
  opset->set_domain("com.microsoft");
  opset->set_version(1);
  for (onnx::NodeProto& node : *model.mutable_graph()->mutable_node()) {
    if (node.op_type() != "Tanh") node.set_domain("com.microsoft");
  }
  return model;
}

TEST(ImportQuantizationTest, TakesTheOperatorsOfComMicrosoft) {
  const onnx::ModelProto model = Contrib(ParseOnnxText(R"(g (float[2] x) => (float[2] y)
      <float s = {0.5}, uint16 z = {300}> {
        q = QuantizeLinear(x, s, z)  d = DequantizeLinear(q, s, z)  y = Tanh(d) })"));
  ASSERT_OK_AND_ASSIGN(onnx::ModelProto loaded, ParseModel(model.SerializeAsString(), "m.onnx", {}));
  ASSERT_OK_AND_ASSIGN(const Imported imported, ImportModel(std::move(loaded), {}));
  EXPECT_EQ(imported.graph.model().opset_import_size(), 1);
  EXPECT_EQ(imported.quantization.activations.at("x").zero_point, 300);
  EXPECT_EQ(imported.quantization.activations.at("x").bits, 16);
}

TEST(ImportQuantizationTest, RefusesWhatItCannotTakeOfComMicrosoft) {
  onnx::ModelProto model = Contrib(ParseOnnxText(R"(g (float[2] x, float s) => (float[2] y) <uint16 z = {300}> {
        q = QuantizeLinear(x, s, z)  d = DequantizeLinear(q, s, z)  y = Tanh(d) })"));
  EXPECT_THAT(ImportModel(std::move(model), {}),
              StatusIs(absl::StatusCode::kUnimplemented, HasSubstr("scale is not constant")));
}

TEST(PinnedTensorsTest, KeepWhatHasAScaleFromBeingSimplifiedAway) {
  onnx::ModelProto model = ParseOnnxText(R"(g (float[1,1,2,2] x) => (float[1,1,2,2] y)
      <float[1,1,1,1] w = {2}, float[1] a = {3}, float s = {0.5}, uint8 z = {9}> {
        c = Conv(x, w)
        q = QuantizeLinear(c, s, z)  d = DequantizeLinear(q, s, z)
        y = Mul(d, a) })");
  ASSERT_OK_AND_ASSIGN(Imported imported, ImportModel(std::move(model), {}));
  {
    const PinnedTensors pinned(imported.graph, imported.quantization);
    ASSERT_THAT(Simplify(imported.graph), IsOk());
  }
  EXPECT_EQ(ToText(imported.graph.model()), Text(R"(g (float[1,1,2,2] x) => (float[1,1,2,2] y)
      <float[1,1,1,1] w = {2}, float[1] a = {3}> { c = Conv <kernel_shape = [1,1]> (x, w)  y = Mul(c, a) })"));
  EXPECT_TRUE(imported.graph.Shape("c").has_value());
}

}  // namespace
}  // namespace joinery::compiler
