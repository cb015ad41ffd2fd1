#include "compiler/quantization/take_imported.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <string>
#include <utility>
#include <vector>

#include "compiler/frontend/import_model.h"
#include "compiler/frontend/import_quantization.h"
#include "compiler/frontend/simplify.h"
#include "compiler/ir/tensor_proto.h"
#include "tests/compiler/frontend/onnx_text.h"
#include "tests/testing/status_matchers.h"

namespace joinery::compiler {
namespace {

using ::joinery::testing::IsOk;
using ::testing::AllOf;
using ::testing::Contains;
using ::testing::ElementsAre;
using ::testing::FloatEq;
using ::testing::HasSubstr;
using ::testing::IsEmpty;

// What calibration would have found.
constexpr float kFoundScale = 77;

struct Result {
  QuantizationPlan plan;
  Quantization quantization;
  std::vector<std::string> notes;

  QuantizationParameters OfTensor(const std::string& name) const {
    for (size_t i = 0; i < plan.groups.size(); ++i) {
      for (const std::string& tensor : plan.groups[i].tensors) {
        if (tensor == name) return quantization.activations[i];
      }
    }
    ADD_FAILURE() << name << " is in no group";
    return {};
  }
};

Result Take(const std::string& text, int opset = 13, v1::LayerBits bits = v1::LAYER_BITS_UNSPECIFIED) {
  absl::StatusOr<Imported> imported = ImportModel(ParseOnnxText(text, opset), {});
  EXPECT_THAT(imported, IsOk());
  Graph& graph = imported->graph;
  {
    const PinnedTensors pinned(graph, imported->quantization);
    EXPECT_THAT(Simplify(graph), IsOk());
  }
  Result result;
  const auto configured = [bits](const onnx::NodeProto& /*node*/) { return bits; };
  result.plan = PlanQuantization(graph, {}, configured);
  FitPlan(imported->quantization, graph, result.plan, result.notes);
  result.quantization.activations.resize(result.plan.groups.size(), {kFoundScale, 0});
  for (const LinearNode& linear : result.plan.linear_nodes) {
    const absl::StatusOr<std::vector<float>> weights = FloatValues(*graph.Initializer(linear.form.weights));
    const std::vector<int64_t> shape = *graph.Shape(linear.form.weights);
    result.quantization.linear.push_back(
        {QuantizeWeights(*weights, ViewByChannel(shape, linear.form.channel_axis), {}), {-1, -1}});
  }
  EXPECT_THAT(TakeImported(imported->quantization, result.plan, graph, result.quantization, result.notes), IsOk());
  return result;
}

TEST(TakeImportedTest, NumbersAreUntouchedAndTheRestIsCompleted) {
  const Result result = Take(R"(g (float[1,2] x) => (float[1,2] y)
      <float xs = {0.5}, uint8 xz = {3}, int8[2,2] w = {-128, 5, 7, 11}, float[2] ws = {0.25, 2}, int8[2] wz = {0, 0},
       int32[2] b = {8, -2}, float[2] bs = {0.125, 1}, int32[2] bz = {0, 0}> {
        xq = QuantizeLinear(x, xs, xz)  xd = DequantizeLinear(xq, xs, xz)
        wd = DequantizeLinear <axis = 0> (w, ws, wz)
        bd = DequantizeLinear <axis = 0> (b, bs, bz)
        y = Gemm <transB = 1> (xd, wd, bd) })");
  EXPECT_EQ(result.OfTensor("x").scale, 0.5F);
  EXPECT_EQ(result.OfTensor("x").zero_point, 3);
  EXPECT_EQ(result.OfTensor("y").scale, kFoundScale);
  const LinearQuantization& linear = result.quantization.linear[0];
  EXPECT_THAT(linear.weights.values, ElementsAre(-128, 5, 7, 11));
  EXPECT_THAT(linear.weights.scales, ElementsAre(0.25F, 2));
  EXPECT_THAT(linear.bias, ElementsAre(1, -2));
  EXPECT_THAT(result.notes, ElementsAre(AllOf(HasSubstr("1 of 2 scales"), HasSubstr("weights of 1 of 1 layers")),
                                        AllOf(HasSubstr("\"y\""), HasSubstr("from calibration"))));
}

TEST(TakeImportedTest, OneScaleForAllBecomesOneForEachChannel) {
  const Result result = Take(R"(g (float[1,2] x) => (float[1,2] y) <int8[2,2] w = {1, 2, 3, 4}, float s = {0.25}> {
        d = DequantizeLinear(w, s)  y = MatMul(x, d) })");
  EXPECT_THAT(result.quantization.linear[0].weights.values, ElementsAre(1, 2, 3, 4));
  EXPECT_THAT(result.quantization.linear[0].weights.scales, ElementsAre(0.25F, 0.25F));
  EXPECT_THAT(result.quantization.linear[0].bias, IsEmpty());
}

TEST(TakeImportedTest, ScalesAlongAnotherDimensionAreNotKept) {
  const Result result = Take(R"(g (float[1,2] x) => (float[1,2] y)
      <int8[2,2] w = {1, 2, 3, 4}, float[2] s = {0.25, 1}> {
        d = DequantizeLinear <axis = 0> (w, s)  y = MatMul(x, d) })");
  EXPECT_THAT(result.quantization.linear[0].weights.values, ElementsAre(11, 16, 127, 127));
  EXPECT_THAT(result.notes, Contains(HasSubstr("rounded here")));
}

// What follows the layer is folded into its weights: the integers stay, scales take the factor.
TEST(TakeImportedTest, AFactorOfAChannelGoesIntoItsScale) {
  const Result result = Take(R"(g (float[1,1,1,1] x) => (float[1,3,1,1] y)
      <int8[3,1,1,1] w = {100, 50, 0}, float[3] s = {0.25, 1, 1}, float[3,1,1] f = {2, -0.1, 3}> {
        d = DequantizeLinear <axis = 0> (w, s)  c = Conv(x, d)  y = Mul(c, f) })");
  ASSERT_EQ(result.plan.linear_nodes.size(), 1);
  EXPECT_THAT(result.quantization.linear[0].weights.values, ElementsAre(100, -50, 0));
  EXPECT_THAT(result.quantization.linear[0].weights.scales, ElementsAre(0.5F, FloatEq(0.1F), 1));
}

TEST(TakeImportedTest, ScalesOfTensorsThatWouldShareOneAreAllKept) {
  const Result result = Take(R"(g (float[1,1,2,2] x) => (float[1,1,1,1] y)
      <float a = {0.5}, uint8 az = {3}, float b = {0.75}, uint8 bz = {5}, int8[1,1,1,1] w = {3}> {
        q = QuantizeLinear(x, a, az)  d = DequantizeLinear(q, a, az)
        t = Tanh(d)
        r = QuantizeLinear(t, a, az)  e = DequantizeLinear(r, a, az)
        u = Transpose <perm = [0,1,3,2]> (e)
        m = MaxPool <kernel_shape = [2,2]> (u)
        s = QuantizeLinear(m, b, bz)  f = DequantizeLinear(s, b, bz)
        v = DequantizeLinear(w, a)
        y = Conv(f, v) })");
  EXPECT_EQ(result.OfTensor("t").scale, 0.5F);
  EXPECT_EQ(result.OfTensor("u").scale, 0.5F);
  EXPECT_EQ(result.OfTensor("m").scale, 0.75F);
  EXPECT_EQ(result.OfTensor("m").zero_point, 5);
  const int input_group = result.plan.linear_nodes[0].input_group;
  EXPECT_THAT(result.plan.groups[static_cast<size_t>(input_group)].tensors, ElementsAre("m"));
  EXPECT_THAT(result.notes, Contains(AllOf(HasSubstr("\"t\", \"m\""), HasSubstr("different scales"))));
}

constexpr char kWide[] = R"(g (float[1,2] x) => (float[1,2] y) <float s = {0.5}, uint16 z = {300}> {
      q = QuantizeLinear(x, s, z)  d = DequantizeLinear(q, s, z)
      t = Tanh(d)
      r = QuantizeLinear(t, s, z)  y = DequantizeLinear(r, s, z) })";

TEST(TakeImportedTest, WideScalesMakeTheirOperatorsWide) {
  const Result result = Take(kWide, 21);
  EXPECT_EQ(result.plan.groups[0].bits, 16);
  EXPECT_EQ(result.OfTensor("x").zero_point, 300);
  EXPECT_EQ(result.OfTensor("y").zero_point, 300);
}

TEST(TakeImportedTest, TheConfigurationMayAskForMoreBits) {
  const Result result = Take(R"(g (float[1,2] x) => (float[1,2] y) <float s = {0.5}, uint8 z = {3}> {
        q = QuantizeLinear(x, s, z)  d = DequantizeLinear(q, s, z)  y = Tanh(d) })",
                             21, v1::LAYER_BITS_16);
  EXPECT_EQ(result.OfTensor("x").scale, kFoundScale);
  EXPECT_THAT(result.notes, Contains(HasSubstr("other bits")));
}

TEST(TakeImportedTest, AScaleBetweenAnOperatorAndItsActivationIsNotNeeded) {
  const Result result = Take(R"(g (float[1,1,2,2] x) => (float[1,1,2,2] y)
      <float[1,1,1,1] w = {2}, float s = {0.5}, uint8 z = {9}> {
        c = Conv(x, w)
        q = QuantizeLinear(c, s, z)  d = DequantizeLinear(q, s, z)
        y = Relu(d) })");
  EXPECT_THAT(result.notes, Contains(AllOf(HasSubstr("\"c\""), HasSubstr("not needed"))));
}

}  // namespace
}  // namespace joinery::compiler
