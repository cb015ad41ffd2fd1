#include "compiler/quantization/linear_weights.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <numeric>
#include <string>
#include <vector>

#include "tests/compiler/quantization/builders.h"
#include "tests/testing/status_matchers.h"

namespace joinery::compiler {
namespace {

using ::testing::ElementsAre;

struct Case {
  std::string name;
  std::string model;
  int64_t outputs;
  int64_t inputs;
  int64_t taps;
};

// One in all places of this channel, zero elsewhere.
std::vector<Tensor> FeedWithChannel(Graph& graph, size_t channel) {
  const std::vector<int64_t> shape = *graph.Shape("x");
  const auto size = static_cast<size_t>(NumElements(shape));
  const auto channels = static_cast<size_t>(shape[1]);
  std::vector<float> values(size);
  for (size_t i = 0; i < size / channels; ++i) values[channel * (size / channels) + i] = 1;
  return {MakeTensor<float>(onnx::TensorProto::FLOAT, shape, values)};
}

class LinearWeightsTest : public ::testing::TestWithParam<Case> {};

// Each weight alone carries exactly its input channel to exactly its output channel.
TEST_P(LinearWeightsTest, KnowsWhichChannelsAWeightConnects) {
  Graph graph = InferGraph(GetParam().model);
  const QuantizationPlan plan = PlanQuantization(graph, {});
  ASSERT_OK_AND_ASSIGN(const std::vector<LinearWeights> all, LoadLinearWeights(graph, plan));
  ASSERT_EQ(all.size(), 1);
  const LinearWeights& weights = all.front();
  EXPECT_EQ(weights.outputs, GetParam().outputs);
  EXPECT_EQ(weights.inputs, GetParam().inputs);
  EXPECT_EQ(weights.taps(), GetParam().taps);
  size_t visited = 0;
  ForEachWeight(weights, [&](size_t index, size_t output, size_t input) {
    EXPECT_EQ(index, visited++);
    onnx::ModelProto model = graph.model();
    std::vector<float> values(weights.values.size());
    values[index] = 1;
    *model.mutable_graph()->mutable_initializer(0) = FloatProto("w", weights.shape, values);
    for (size_t channel = 0; channel < static_cast<size_t>(weights.inputs); ++channel) {
      const std::vector<float> result = RunFor(model, {"z"}, FeedWithChannel(graph, channel)).front();
      const size_t positions = result.size() / static_cast<size_t>(weights.outputs);
      for (size_t i = 0; i < result.size(); ++i) {
        const bool is_connected = channel == input && i / positions == output;
        EXPECT_TRUE(is_connected || result[i] == 0) << index << " " << i;
      }
      const float sum = std::accumulate(result.begin(), result.end(), 0.0F);
      EXPECT_EQ(sum != 0, channel == input) << index;
    }
  });
  EXPECT_EQ(visited, weights.values.size());
}

INSTANTIATE_TEST_SUITE_P(, LinearWeightsTest,
                         ::testing::ValuesIn<Case>({
                             {"Conv", R"(g (float[1,2,2,2] x) => (float[1,3,1,2] z)
            <float[3,2,2,1] w = {1,1,1,1,1,1,1,1,1,1,1,1}> { z = Conv(x, w) })",
                              3, 2, 2},
                             {"GroupedConv", R"(g (float[1,4,1,1] x) => (float[1,6,1,1] z)
            <float[6,2,1,1] w = {1,1,1,1,1,1,1,1,1,1,1,1}> { z = Conv <group = 2> (x, w) })",
                              6, 4, 1},
                             {"DepthwiseConv1D", R"(g (float[1,3,2] x) => (float[1,3,1] z)
            <float[3,1,2] w = {1,1,1,1,1,1}> { z = Conv <group = 3> (x, w) })",
                              3, 3, 2},
                             {"ConvTranspose", R"(g (float[1,2,1,1] x) => (float[1,3,1,2] z)
            <float[2,3,1,2] w = {1,1,1,1,1,1,1,1,1,1,1,1}> { z = ConvTranspose(x, w) })",
                              3, 2, 2},
                             {"GroupedConvTranspose", R"(g (float[1,4,1,1] x) => (float[1,6,1,1] z)
            <float[4,3,1,1] w = {1,1,1,1,1,1,1,1,1,1,1,1}> { z = ConvTranspose <group = 2> (x, w) })",
                              6, 4, 1},
                             {"Gemm", R"(g (float[1,3] x) => (float[1,2] z)
            <float[3,2] w = {1,1,1,1,1,1}> { z = Gemm(x, w) })",
                              2, 3, 1},
                             {"GemmTransposed", R"(g (float[1,3] x) => (float[1,2] z)
            <float[2,3] w = {1,1,1,1,1,1}> { z = Gemm <transB = 1> (x, w) })",
                              2, 3, 1},
                             {"MatMul", R"(g (float[1,3] x) => (float[1,2] z)
            <float[3,2] w = {1,1,1,1,1,1}> { z = MatMul(x, w) })",
                              2, 3, 1},
                         }),
                         [](const auto& test) { return test.param.name; });

TEST(LoadLinearWeightsTest, ReadsValuesAndBiases) {
  Graph graph = InferGraph(R"(g (float[1,2] x) => (float[1,2] z)
      <float[2,2] w = {1,2,3,4}, float[2] b = {5,6}, float[2,2] v = {7,8,9,10}> {
        y = Gemm(x, w, b)  z = MatMul(y, v) })");
  ASSERT_OK_AND_ASSIGN(const auto weights, LoadLinearWeights(graph, PlanQuantization(graph, {})));
  ASSERT_EQ(weights.size(), 2);
  EXPECT_THAT(weights[0].values, ElementsAre(1, 2, 3, 4));
  EXPECT_THAT(weights[0].bias, ElementsAre(5, 6));
  EXPECT_THAT(weights[1].values, ElementsAre(7, 8, 9, 10));
  EXPECT_THAT(weights[1].bias, ElementsAre());
}

TEST(LoadLinearWeightsTest, AStackOfMatricesHasNoChannels) {
  Graph graph = InferGraph(R"(g (float[2,1,2] x) => (float[2,1,2] z)
      <float[2,2,2] w = {1,2,3,4,5,6,7,8}> { z = MatMul(x, w) })");
  ASSERT_OK_AND_ASSIGN(const auto weights, LoadLinearWeights(graph, PlanQuantization(graph, {})));
  ASSERT_EQ(weights.size(), 1);
  EXPECT_EQ(weights[0].outputs, 0);
  EXPECT_EQ(weights[0].values.size(), 8);
  ForEachWeight(weights[0], [](size_t, size_t, size_t) { ADD_FAILURE(); });
}

TEST(LoadLinearWeightsTest, OnlyOneChannelInAndOutOfEachGroupIsDepthwise) {
  Graph graph = InferGraph(R"(g (float[1,4,1,1] x) => (float[1,4,1,1] z)
      <float[4,1,1,1] v = {1,2,3,4}, float[4,2,1,1] w = {1,2,3,4,5,6,7,8}> {
        y = Conv <group = 4> (x, v)  z = Conv <group = 2> (y, w) })");
  ASSERT_OK_AND_ASSIGN(const auto weights, LoadLinearWeights(graph, PlanQuantization(graph, {})));
  ASSERT_EQ(weights.size(), 2);
  EXPECT_TRUE(weights[0].is_depthwise());
  EXPECT_FALSE(weights[1].is_depthwise());
}

TEST(LoadLinearWeightsTest, InputChannelsAreTheLastDimensionOfAMatrixProductOnly) {
  Graph graph = InferGraph(R"(g (float[1,2,1,3] x) => (float[1,2,1,2] z)
      <float[2,2,1,1] v = {1,2,3,4}, float[3,2] w = {1,2,3,4,5,6}> { y = Conv(x, v)  z = MatMul(y, w) })");
  EXPECT_EQ(InputChannelAxis(graph, *graph.Producer("y")), 1);
  EXPECT_EQ(InputChannelAxis(graph, *graph.Producer("z")), 3);
}

}  // namespace
}  // namespace joinery::compiler
