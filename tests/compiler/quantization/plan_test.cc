#include "compiler/quantization/plan.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <set>
#include <string>
#include <vector>

#include "onnx/shape_inference/implementation.h"
#include "tests/compiler/frontend/onnx_text.h"

namespace joinery::compiler {
namespace {

using ::testing::ElementsAre;
using ::testing::HasSubstr;
using ::testing::IsEmpty;
using ::testing::UnorderedElementsAre;

Graph Infer(const std::string& text) {
  onnx::ModelProto model = ParseOnnxText(text);
  onnx::shape_inference::InferShapes(model);
  return Graph(std::move(model));
}

std::vector<std::vector<std::string>> GroupsOf(const QuantizationPlan& plan) {
  std::vector<std::vector<std::string>> groups;
  for (const ActivationGroup& group : plan.groups) groups.push_back(group.tensors);
  return groups;
}

BitsOfNode BitsByOperator(const std::string& op_type, v1::LayerBits bits) {
  return [=](const onnx::NodeProto& node) { return node.op_type() == op_type ? bits : v1::LAYER_BITS_UNSPECIFIED; };
}

std::vector<int> BitsOf(const QuantizationPlan& plan) {
  std::vector<int> bits;
  for (const ActivationGroup& group : plan.groups) bits.push_back(group.bits);
  return bits;
}

TEST(PlanTest, TheTensorBeforeAClippingActivationIsNotQuantized) {
  Graph graph = Infer(R"(g (float[1,2,4,4] x) => (float[1,2,4,4] z)
      <float[2,2,1,1] w = {1,0,0,1}> { y = Conv(x, w)  z = Relu(y) })");
  const QuantizationPlan plan = PlanQuantization(graph, {});
  EXPECT_THAT(GroupsOf(plan), ElementsAre(ElementsAre("x"), ElementsAre("z")));
  ASSERT_EQ(plan.linear_nodes.size(), 1);
  EXPECT_EQ(plan.linear_nodes[0].form.weights, "w");
  EXPECT_EQ(plan.linear_nodes[0].form.channel_axis, 0);
  EXPECT_EQ(plan.linear_nodes[0].input_group, 0);
  EXPECT_THAT(plan.float_nodes, IsEmpty());
}

TEST(PlanTest, ButItIsIfSomebodyElseReadsIt) {
  Graph graph = Infer(R"(g (float[1,2,4,4] x) => (float[1,2,4,4] z, float[1,2,4,4] y)
      <float[2,2,1,1] w = {1,0,0,1}> { y = Conv(x, w)  z = Relu(y) })");
  EXPECT_THAT(GroupsOf(PlanQuantization(graph, {})), ElementsAre(ElementsAre("x"), ElementsAre("y"), ElementsAre("z")));
}

TEST(PlanTest, OperatorsThatMoveValuesShareOneScale) {
  Graph graph = Infer(R"(g (float[1,2,4,4] x) => (float[1,4,2,2] z)
      <float[2,2,1,1] w = {1,0,0,1}> {
        a = Conv(x, w)
        b = MaxPool <kernel_shape = [2,2], strides = [2,2]> (a)
        c = AveragePool <kernel_shape = [2,2], strides = [2,2]> (a)
        z = Concat <axis = 1> (b, c) })");
  EXPECT_THAT(GroupsOf(PlanQuantization(graph, {})), ElementsAre(ElementsAre("x"), ElementsAre("a", "b", "c", "z")));
}

TEST(PlanTest, AnActivationThatIsSpelledOutIsOneTable) {
  Graph graph = Infer(R"(g (float[1,2] x) => (float[1,2] z)
      <float three = {3}, float zero = {0}, float[1] six = {6}> {
        a = Add(x, three)  b = Clip(a, zero, six)  c = Mul(x, b)  z = Div(c, six) })");
  const QuantizationPlan plan = PlanQuantization(graph, {});
  EXPECT_THAT(GroupsOf(plan), ElementsAre(ElementsAre("x"), ElementsAre("z")));
  EXPECT_EQ(plan.quantized_nodes.size(), 4);
  EXPECT_THAT(plan.float_nodes, IsEmpty());
}

TEST(PlanTest, ATableEndsWhereSomebodyElseReads) {
  Graph graph = Infer(R"(g (float[1,2] x) => (float[1,2] z, float[1,2] a)
      <float three = {3}> { a = Add(x, three)  b = Sigmoid(a)  z = Tanh(b) })");
  EXPECT_THAT(GroupsOf(PlanQuantization(graph, {})), ElementsAre(ElementsAre("x"), ElementsAre("a"), ElementsAre("z")));
}

TEST(PlanTest, WhatHasNo8BitFormOfItsOwnMayBeWithinATable) {
  Graph graph = Infer(R"(g (float[1,2] x) => (float[1,2] y, float[1,2] z)
      <float one = {1}> { a = Exp(x)  b = Add(a, one)  y = Div(x, b)  z = Exp(y) })");
  const QuantizationPlan plan = PlanQuantization(graph, {});
  EXPECT_THAT(GroupsOf(plan), ElementsAre(ElementsAre("x"), ElementsAre("y")));
  ASSERT_EQ(plan.float_nodes.size(), 1);
  EXPECT_EQ(plan.float_nodes[0].name(), "z");
}

TEST(PlanTest, NothingIsDividedByARoundedNumber) {
  Graph graph = Infer(R"(g (float[1,2] x, float[1,2] y) => (float[1,2] z) { z = Div(x, y) })");
  const QuantizationPlan plan = PlanQuantization(graph, {});
  ASSERT_EQ(plan.float_nodes.size(), 1);
  EXPECT_THAT(plan.float_nodes[0].reason(), HasSubstr("divisor"));
}

TEST(PlanTest, PointwiseOperatorsBetweenFloatOnesStayFloat) {
  Graph graph = Infer(R"(g (float[1,4] x) => (float[1,2] z)
      <float[4,2] w = {1,0,0,1,1,0,0,1}, float two = {2}> {
        a = Pow(x, two)  b = Softmax(x)  c = Add(a, b)  d = Sqrt(c)  z = Gemm(d, w) })");
  EXPECT_THAT(GroupsOf(PlanQuantization(graph, {})), ElementsAre(ElementsAre("d"), ElementsAre("z")));
}

TEST(PlanTest, WhatOnlyFloatOperatorsReadIsMovedAsItIs) {
  Graph graph = Infer(R"(g (float[1,2] x) => (float[1,2] y, float[2,2] z)
      <float[2,2] w = {1,0,0,1}> { a = Softmax(x)  b = Softmax(a)  y = Gemm(a, w)  z = Concat <axis = 0> (a, b) })");
  EXPECT_THAT(GroupsOf(PlanQuantization(graph, {})), ElementsAre(ElementsAre("a"), ElementsAre("y")));
}

TEST(PlanTest, AConstantIsPutBesideQuantizedValues) {
  Graph graph = Infer(R"(g (float[1,2] x) => (float[1,4] z)
      <float[2,2] w = {1,0,0,1}, float[1,2] c = {1,2}> { a = Gemm(x, w)  z = Concat <axis = 1> (a, c) })");
  const QuantizationPlan plan = PlanQuantization(graph, {});
  ASSERT_EQ(plan.groups.size(), 2);
  EXPECT_THAT(plan.groups[1].tensors, ElementsAre("a", "z"));
  EXPECT_THAT(plan.groups[1].constants, ElementsAre("c"));
}

// Box decoding: offsets times sizes plus positions, next to scores.
TEST(PlanTest, TheDecodingOfResultsStaysFloat) {
  Graph graph = Infer(R"(g (float[1,2,1,2] x) => (float[1,6,1,2] z)
      <float[4,2,1,1] w = {1,0,0,1,1,0,0,1}, float[2,2,1,1] v = {1,0,0,1}, float[1,1,1,2] anchors = {1,2},
       float tenth = {0.1}> {
        a = Conv(x, w)  b = Mul(a, tenth)  c = Add(b, anchors)
        d = Conv(x, v)  e = Sigmoid(d)  z = Concat <axis = 1> (c, e) })");
  const QuantizationPlan plan = PlanQuantization(graph, {});
  EXPECT_THAT(GroupsOf(plan), ElementsAre(ElementsAre("x"), ElementsAre("a"), ElementsAre("d")));
  ASSERT_EQ(plan.float_nodes.size(), 4);
  EXPECT_THAT(plan.float_nodes[0].reason(), HasSubstr("behind the last layer"));
}

TEST(PlanTest, ASumWithConstantsBeforeALayerIsQuantized) {
  Graph graph = Infer(R"(g (float[1,2] x) => (float[1,2] z)
      <float[2,2] w = {1,0,0,1}, float[2] c = {1,2}> { a = Gemm(x, w)  b = Add(a, c)  z = Gemm(b, w) })");
  EXPECT_THAT(PlanQuantization(graph, {}).float_nodes, IsEmpty());
}

TEST(PlanTest, AWideNodeWidensTheEndsOfItsTable) {
  Graph graph = Infer(R"(g (float[1,2] x) => (float[1,2] z)
      <float three = {3}> { a = Sigmoid(x)  b = Tanh(a)  z = Add(b, three) })");
  EXPECT_THAT(BitsOf(PlanQuantization(graph, {}, BitsByOperator("Tanh", v1::LAYER_BITS_16))), ElementsAre(16, 16));
}

TEST(PlanTest, ConstantOperandsAreQuantizedToo) {
  Graph graph = Infer(R"(g (float[1,2] x) => (float[1,2] z) <float[2] c = {1,5}> { z = Mul(x, c) })");
  const QuantizationPlan plan = PlanQuantization(graph, {});
  ASSERT_EQ(plan.groups.size(), 3);
  EXPECT_THAT(plan.groups[1].constants, ElementsAre("c"));
  EXPECT_THAT(plan.groups[1].tensors, IsEmpty());
}

TEST(PlanTest, WhatStaysFloatIsNamedWithItsReason) {
  Graph graph = Infer(R"(g (float[1,4] x) => (float[1,4] z) { y = Relu(x)  z = Softmax(y) })");
  const QuantizationPlan plan = PlanQuantization(graph, {});
  ASSERT_EQ(plan.float_nodes.size(), 1);
  EXPECT_EQ(plan.float_nodes[0].op_type(), "Softmax");
  EXPECT_THAT(plan.float_nodes[0].reason(), HasSubstr("Softmax"));
  EXPECT_EQ(plan.quantized_nodes.size(), 1);
}

TEST(PlanTest, AMoveBetweenFloatOperatorsStaysFloat) {
  Graph graph = Infer(R"(g (float[1,4] x) => (float[4,1] z) { y = Softmax(x)  t = Transpose(y)  z = Exp(t) })");
  const QuantizationPlan plan = PlanQuantization(graph, {});
  EXPECT_THAT(plan.groups, IsEmpty());
  EXPECT_EQ(plan.float_nodes.size(), 3);
}

TEST(PlanTest, AGemmWhoseFactorIsNotOneStaysFloat) {
  Graph graph = Infer(R"(g (float[1,2] x) => (float[1,2] z)
      <float[2,2] w = {1,0,0,1}> { z = Gemm <alpha = 2.0> (x, w) })");
  const QuantizationPlan plan = PlanQuantization(graph, {});
  ASSERT_EQ(plan.float_nodes.size(), 1);
  EXPECT_THAT(plan.float_nodes[0].reason(), HasSubstr("alpha"));
}

TEST(PlanTest, AProductOfTwoActivationsIsQuantized) {
  Graph graph = Infer(R"(g (float[2,2] x, float[2,2] y) => (float[2,2] z) { z = MatMul(x, y) })");
  EXPECT_THAT(GroupsOf(PlanQuantization(graph, {})), ElementsAre(ElementsAre("x"), ElementsAre("y"), ElementsAre("z")));
}

TEST(PlanTest, PaddingWithSomethingElseThanZeroStaysFloat) {
  Graph graph = Infer(R"(g (float[1,2] x) => (float[1,4] z)
      <int64[4] pads = {0,1,0,1}, float minus = {-3}> { y = Relu(x)  z = Pad(y, pads, minus) })");
  const QuantizationPlan plan = PlanQuantization(graph, {});
  ASSERT_EQ(plan.float_nodes.size(), 1);
  EXPECT_THAT(plan.float_nodes[0].reason(), HasSubstr("zero"));
}

TEST(PlanTest, NodesThatAreLeftOutAreNeitherQuantizedNorReported) {
  Graph graph = Infer(R"(g (float[1,2] x) => (float[1,2] z) { y = Relu(x)  z = Tanh(y) })");
  const std::vector<const onnx::NodeProto*> left_out = {graph.Producer("y")};
  const QuantizationPlan plan = PlanQuantization(graph, left_out);
  EXPECT_THAT(GroupsOf(plan), ElementsAre(ElementsAre("y"), ElementsAre("z")));
  EXPECT_THAT(plan.float_nodes, IsEmpty());
}

TEST(PlanTest, WhatIsConfiguredToBeFloatStaysFloat) {
  Graph graph = Infer(R"(g (float[1,2,4,4] x) => (float[1,2,4,4] z)
      <float[2,2,1,1] w = {1,0,0,1}> { y = Conv(x, w)  z = Relu(y) })");
  const QuantizationPlan plan = PlanQuantization(graph, {}, BitsByOperator("Relu", v1::LAYER_BITS_FLOAT));
  // The convolution's result is not cut off any more by a scale behind the activation.
  EXPECT_THAT(GroupsOf(plan), ElementsAre(ElementsAre("x"), ElementsAre("y")));
  ASSERT_EQ(plan.float_nodes.size(), 1);
  EXPECT_EQ(plan.float_nodes[0].reason(), "left float by configuration");
}

TEST(PlanTest, A16BitOperatorWidensWhatItReadsAndWrites) {
  Graph graph = Infer(R"(g (float[1,2,4,4] x) => (float[1,2,2,2] v)
      <float[2,2,1,1] w = {1,0,0,1}> {
        y = Sigmoid(x)
        z = Conv(y, w)
        u = Relu(z)
        t = MaxPool <kernel_shape = [2,2], strides = [2,2]> (u)
        v = Tanh(t) })");
  const QuantizationPlan plan = PlanQuantization(graph, {}, BitsByOperator("Conv", v1::LAYER_BITS_16));
  EXPECT_THAT(GroupsOf(plan), ElementsAre(ElementsAre("x"), ElementsAre("y"), ElementsAre("u", "t"), ElementsAre("v")));
  EXPECT_THAT(BitsOf(plan), ElementsAre(8, 16, 16, 8));
}

TEST(PlanTest, AMoverDoesNotWiden) {
  Graph graph = Infer(R"(g (float[1,2] x) => (float[1,2] z) { y = Tanh(x)  z = Flatten(y) })");
  EXPECT_THAT(BitsOf(PlanQuantization(graph, {}, BitsByOperator("Flatten", v1::LAYER_BITS_16))), ElementsAre(8, 8));
}

TEST(PlanTest, WhatIsInsideOfControlFlowIsNamed) {
  Graph graph = Infer(R"(g (float[2] x, bool t) => (float[2] y) {
      y = If(t) <then_branch = g1 () => (float[2] a) { a = Neg(x) },
                 else_branch = g2 () => (float[2] b) { [inner] b = Abs(x) }> })");
  const QuantizationPlan plan = PlanQuantization(graph, {});
  ASSERT_EQ(plan.float_nodes.size(), 1);
  EXPECT_EQ(plan.float_nodes[0].op_type(), "If");
  EXPECT_THAT(plan.float_nodes[0].reason(), HasSubstr("a (Neg), inner (Abs)"));
}

TEST(PlanTest, IndicesAndShapesAreNobodysConcern) {
  Graph graph = Infer(R"(g (int64[2] i) => (int64[2] z) { z = Add(i, i) })");
  const QuantizationPlan plan = PlanQuantization(graph, {});
  EXPECT_THAT(plan.groups, IsEmpty());
  EXPECT_THAT(plan.float_nodes, IsEmpty());
}

}  // namespace
}  // namespace joinery::compiler
