#include "compiler/quantization/channel_class.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <limits>
#include <string>
#include <vector>

#include "tests/compiler/quantization/builders.h"

namespace joinery::compiler {
namespace {

using ::testing::ElementsAre;
using ::testing::IsEmpty;

std::vector<ChannelClass> ClassesOf(const std::string& text, int opset = 13, const BitsOfNode& bits_of = {}) {
  Graph graph = InferGraph(text, opset);
  const QuantizationPlan plan = PlanQuantization(graph, {}, bits_of);
  const absl::StatusOr<std::vector<LinearWeights>> weights = LoadLinearWeights(graph, plan);
  EXPECT_TRUE(weights.ok()) << weights.status();
  return FindChannelClasses(graph, plan, *weights);
}

// `body` between two convolutions: from tensor a to tensor b, of [1, 2, 4, 4].
std::string Between(const std::string& body, const std::string& constants = "") {
  return R"(g (float[1,2,4,4] x) => (float[1,2,4,4] z) <float[2,2,1,1] v = {1,2,3,4}, float[2,2,1,1] w = {5,6,7,8})" +
         constants + "> { a = Conv(x, v)  " + body + "  z = Conv(b, w) }";
}

TEST(ChannelClassTest, WhatStandsBetweenTwoLayers) {
  const auto classes = ClassesOf(Between("b = Relu(a)"));
  ASSERT_EQ(classes.size(), 1);
  EXPECT_THAT(classes[0].tensors, ElementsAre("a", "b"));
  EXPECT_EQ(classes[0].channels, 2);
  EXPECT_THAT(classes[0].producers, ElementsAre(0));
  EXPECT_THAT(classes[0].consumers, ElementsAre(1));
  EXPECT_EQ(classes[0].limit, std::numeric_limits<float>::infinity());
}

TEST(ChannelClassTest, AdditionsTieAStreamTogether) {
  const auto classes = ClassesOf(R"(g (float[1,2,4,4] x) => (float[1,2,4,4] z)
      <float[2,2,1,1] w0 = {1,2,3,4}, float[2,2,1,1] w1 = {1,2,3,4}, float[2,2,1,1] w2 = {1,2,3,4},
       float[2,2,1,1] w3 = {1,2,3,4}> {
        a = Conv(x, w0)  b = Conv(a, w1)  c = Add(a, b)  d = Conv(c, w2)  e = Add(c, d)  z = Conv(e, w3) })");
  ASSERT_EQ(classes.size(), 1);
  EXPECT_THAT(classes[0].tensors, ElementsAre("a", "b", "c", "d", "e"));
  EXPECT_THAT(classes[0].producers, ElementsAre(0, 1, 2));
  EXPECT_THAT(classes[0].consumers, ElementsAre(1, 2, 3));
}

TEST(ChannelClassTest, ABranchOfAStreamThatCannotBeScaledBlocksAllOfIt) {
  EXPECT_THAT(ClassesOf(R"(g (float[1,2,4,4] x) => (float[1,2,4,4] z)
      <float[2,2,1,1] w0 = {1,2,3,4}, float[2,2,1,1] w1 = {1,2,3,4}, float[2,2,1,1] w2 = {1,2,3,4}> {
        a = Conv(x, w0)  b = Conv(a, w1)  s = Sigmoid(b)  c = Add(a, s)  z = Conv(c, w2) })"),
              IsEmpty());
}

TEST(ChannelClassTest, DepthwiseLayersSeparateClasses) {
  const auto both = ClassesOf(R"(g (float[1,2,4,4] x) => (float[1,2,4,4] z)
      <float[3,2,1,1] w0 = {1,2,3,4,5,6}, float[3,1,1,1] w1 = {1,2,3}, float[2,3,1,1] w2 = {1,2,3,4,5,6}> {
        a = Conv(x, w0)  b = Relu(a)  c = Conv <group = 3> (b, w1)  z = Conv(c, w2) })");
  ASSERT_EQ(both.size(), 2);
  EXPECT_THAT(both[0].tensors, ElementsAre("a", "b"));
  EXPECT_THAT(both[0].consumers, ElementsAre(1));
  EXPECT_THAT(both[1].tensors, ElementsAre("c"));
  EXPECT_THAT(both[1].producers, ElementsAre(1));
  EXPECT_EQ(both[1].channels, 3);
}

TEST(ChannelClassTest, TheLowestOfTheClipsIsTheLimit) {
  const std::string constants = ", float zero = {0}, float six = {6}, float four = {4}";
  const auto one = ClassesOf(Between("b = Clip(a, zero, six)", constants));
  ASSERT_EQ(one.size(), 1);
  EXPECT_EQ(one[0].limit, 6);
  const auto two = ClassesOf(R"(g (float[1,2,4,4] x) => (float[1,2,4,4] z)
      <float[2,2,1,1] w0 = {1,2,3,4}, float[2,2,1,1] w1 = {1,2,3,4}, float[2,2,1,1] w2 = {1,2,3,4},
       float zero = {0}, float six = {6}, float four = {4}> {
        a = Conv(x, w0)  b = Clip(a, zero, six)  c = Conv(b, w1)  d = Clip(c, zero, four)  e = Add(b, d)
        z = Conv(e, w2) })");
  ASSERT_EQ(two.size(), 1);
  EXPECT_EQ(two[0].limit, 4);
}

TEST(ChannelClassTest, AClipWithoutAnUpperBoundIsARelu) {
  const auto classes = ClassesOf(Between("b = Clip(a, zero)", ", float zero = {0}"));
  ASSERT_EQ(classes.size(), 1);
  EXPECT_EQ(classes[0].limit, std::numeric_limits<float>::infinity());
}

// Its limits are not the same multiple for every channel, or not known.
TEST(ChannelClassTest, OtherClipsBlock) {
  const std::string constants = ", float low = {-1}, float zero = {0}, float six = {6}";
  EXPECT_THAT(ClassesOf(Between("b = Clip(a, low, six)", constants)), IsEmpty());
  EXPECT_THAT(ClassesOf(Between("b = Clip(a, , six)", constants)), IsEmpty());
  EXPECT_THAT(ClassesOf(Between("b = Clip(a, zero, zero)", constants)), IsEmpty());
  EXPECT_THAT(ClassesOf(R"(g (float[1,2,4,4] x, float high) => (float[1,2,4,4] z)
      <float[2,2,1,1] v = {1,2,3,4}, float[2,2,1,1] w = {5,6,7,8}, float zero = {0}> {
        a = Conv(x, v)  b = Clip(a, zero, high)  z = Conv(b, w) })"),
              IsEmpty());
}

// How far its values are from the limit is not observed.
TEST(ChannelClassTest, AClipThatStaysFloatBlocks) {
  const std::string model =
      Between("p = Clip(a, zero, six)  q = GlobalAveragePool(p)  b = Relu(q)", ", float zero = {0}, float six = {6}");
  EXPECT_EQ(ClassesOf(model).size(), 1);
  const auto float_middle = [](const onnx::NodeProto& node) {
    return node.op_type() == "Clip" || node.op_type() == "GlobalAveragePool" ? v1::LAYER_BITS_FLOAT
                                                                             : v1::LAYER_BITS_UNSPECIFIED;
  };
  EXPECT_THAT(ClassesOf(model, 13, float_middle), IsEmpty());
}

TEST(ChannelClassTest, OtherReadersBlock) {
  EXPECT_THAT(ClassesOf(R"(g (float[1,2,4,4] x) => (float[1,2,4,4] z, float[1,2,4,4] s)
      <float[2,2,1,1] v = {1,2,3,4}, float[2,2,1,1] w = {5,6,7,8}> {
        a = Conv(x, v)  b = Relu(a)  z = Conv(b, w)  s = Sigmoid(b) })"),
              IsEmpty());
}

TEST(ChannelClassTest, GraphInputsAndOutputsBlock) {
  EXPECT_THAT(ClassesOf(R"(g (float[1,2,4,4] x) => (float[1,2,4,4] z, float[1,2,4,4] b)
      <float[2,2,1,1] v = {1,2,3,4}, float[2,2,1,1] w = {5,6,7,8}> {
        a = Conv(x, v)  b = Relu(a)  z = Conv(b, w) })"),
              IsEmpty());
  EXPECT_THAT(ClassesOf(R"(g (float[1,2,4,4] x) => (float[1,2,4,4] z)
      <float[2,2,1,1] v = {1,2,3,4}, float[2,2,1,1] w = {5,6,7,8}> {
        a = Conv(x, v)  b = Add(a, x)  z = Conv(b, w) })"),
              IsEmpty());
}

TEST(ChannelClassTest, SharedWeightsAndBiasesBlock) {
  EXPECT_THAT(ClassesOf(R"(g (float[1,2,4,4] x) => (float[1,2,4,4] z)
      <float[2,2,1,1] w = {1,2,3,4}> { a = Conv(x, w)  b = Relu(a)  z = Conv(b, w) })"),
              IsEmpty());
  EXPECT_THAT(ClassesOf(R"(g (float[1,2,4,4] x) => (float[1,2,4,4] z)
      <float[2,2,1,1] v = {1,2,3,4}, float[2,2,1,1] w = {5,6,7,8}, float[2] c = {1,2}> {
        a = Conv(x, v, c)  b = Relu(a)  z = Conv(b, w, c) })"),
              IsEmpty());
}

TEST(ChannelClassTest, AConstantBesideAStreamBlocks) {
  EXPECT_THAT(ClassesOf(Between("b = Add(a, c)", ", float[1,2,1,1] c = {1,2}")), IsEmpty());
  EXPECT_THAT(ClassesOf(R"(g (float[1,2,1,1] x) => (float[1,2,1,1] z)
      <float[2,2,1,1] v = {1,2,3,4}, float[2,2,1,1] w = {5,6,7,8}, float[1,2,1,1] c = {1,2}> {
        a = Conv(x, v)  r = Relu(c)  b = Add(a, r)  z = Conv(b, w) })"),
              IsEmpty());
}

TEST(ChannelClassTest, AnAdditionThatBroadcastsBlocks) {
  EXPECT_THAT(ClassesOf(R"(g (float[1,2,4,4] x) => (float[1,2,4,4] z)
      <float[2,2,1,1] v = {1,2,3,4}, float[1,2,1,1] u = {1,2}, float[2,2,1,1] w = {5,6,7,8}> {
        a = Conv(x, v)  d = Conv(x, u)  b = Add(a, d)  z = Conv(b, w) })"),
              IsEmpty());
}

TEST(ChannelClassTest, PooledChannelsGoOnIntoGemm) {
  const std::string head = R"(g (float[1,2,4,4] x) => (float[1,3] z)
      <float[2,2,1,1] v = {1,2,3,4}, float[2,3] w = {1,2,3,4,5,6}, int64[2] shape = {1,2}> { a = Conv(x, v)  )";
  for (const std::string body :
       {"p = GlobalAveragePool(a)  f = Flatten(p)  z = Gemm(f, w) }",
        "p = GlobalAveragePool(a)  f = Reshape(p, shape)  z = MatMul(f, w) }",
        "p = ReduceMean <axes = [3,-2]> (a)  f = Flatten(p)  z = Gemm(f, w) }",
        "f = ReduceMean <axes = [2,3], keepdims = 0> (a)  p = Identity(f)  z = Gemm(p, w) }"}) {
    const auto classes = ClassesOf(head + body);
    ASSERT_EQ(classes.size(), 1) << body;
    EXPECT_EQ(classes[0].tensors.size(), 3) << body;
    EXPECT_THAT(classes[0].consumers, ElementsAre(1));
  }
}

TEST(ChannelClassTest, AxesMayBeAnInput) {
  const auto classes = ClassesOf(R"(g (float[1,2,4,4] x) => (float[1,3] z)
      <float[2,2,1,1] v = {1,2,3,4}, float[2,3] w = {1,2,3,4,5,6}, int64[2] axes = {2,3}> {
        a = Conv(x, v)  f = ReduceMean <keepdims = 0> (a, axes)  z = Gemm(f, w) })",
                                 18);
  ASSERT_EQ(classes.size(), 1);
  EXPECT_THAT(classes[0].tensors, ElementsAre("a", "f"));
}

// The result has as many columns as there are channels, but they are none.
TEST(ChannelClassTest, AMeanOverChannelsBlocks) {
  EXPECT_THAT(ClassesOf(R"(g (float[1,2,2,2] x) => (float[1,3] z)
      <float[2,2,1,1] v = {1,2,3,4}, float[2,3] w = {1,2,3,4,5,6}> {
        a = Conv(x, v)  f = ReduceMean <axes = [1,2], keepdims = 0> (a)  z = Gemm(f, w) })"),
              IsEmpty());
}

TEST(ChannelClassTest, FlattenedPositionsBlock) {
  EXPECT_THAT(ClassesOf(R"(g (float[1,2,1,2] x) => (float[1,2] z)
      <float[2,2,1,1] v = {1,2,3,4}, float[4,2] w = {1,2,3,4,5,6,7,8}> {
        a = Conv(x, v)  f = Flatten(a)  z = Gemm(f, w) })"),
              IsEmpty());
}

TEST(ChannelClassTest, LayersThatStayFloatBlock) {
  const auto first_is_float = [](const onnx::NodeProto& node) {
    return node.output(0) == "a" ? v1::LAYER_BITS_FLOAT : v1::LAYER_BITS_UNSPECIFIED;
  };
  EXPECT_THAT(ClassesOf(Between("b = Relu(a)"), 13, first_is_float), IsEmpty());
}

}  // namespace
}  // namespace joinery::compiler
