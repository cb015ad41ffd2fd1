#include "compiler/quantization/quantizer.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <algorithm>
#include <cmath>
#include <string>
#include <vector>

#include "compiler/quantization/apply.h"
#include "tests/compiler/quantization/builders.h"
#include "tests/testing/status_matchers.h"

namespace joinery::compiler {
namespace {

using ::joinery::testing::IsOk;
using ::testing::ElementsAre;
using ::testing::FloatNear;
using ::testing::IsEmpty;
using ::testing::Pointwise;

// A graph with all that is known of it before it is quantized.
struct Calibrated {
  Graph graph;
  QuantizationPlan plan;
  FloatLayers layers;
  StatisticsOfTensors statistics;
};

Calibrated Calibrate(const std::string& text, size_t samples = 8) {
  Calibrated calibrated{InferGraph(text), {}, {}, {}};
  calibrated.plan = PlanQuantization(calibrated.graph, {});
  absl::StatusOr<std::vector<LinearWeights>> weights = LoadLinearWeights(calibrated.graph, calibrated.plan);
  EXPECT_TRUE(weights.ok()) << weights.status();
  calibrated.layers.weights = *std::move(weights);
  calibrated.statistics = ObserveAll(calibrated.graph, TensorsToObserve(calibrated.graph, calibrated.plan, {}), samples,
                                     RandomSamples(calibrated.graph));
  return calibrated;
}

v1::BuildConfiguration MinMax(v1::BiasCorrection correction) {
  v1::BuildConfiguration configuration;
  configuration.mutable_calibration()->set_range_method(v1::RANGE_METHOD_MIN_MAX);
  configuration.mutable_calibration()->set_weight_granularity(v1::WEIGHT_GRANULARITY_PER_CHANNEL);
  configuration.mutable_quantization()->set_bias_correction(correction);
  return configuration;
}

std::string TwoLayers(const std::string& second) {
  // Weights whose large one leaves the others few steps.
  return "g (float[1,4,3,3] x) => (float[1,3,3,3] z) <float[4,4,1,1] v = " + RandomNumbers(4, 4, 1) +
         ", float[3,4,1,1] w = {40,0.1,0.13,-0.12, 40,-0.14,0.11,0.1, 40,0.1,0.1,0.15}, float[3] b = {1,2,3}> " +
         "{ a = Conv(x, v)  r = Relu(a)  z = " + second + " }";
}

TEST(QuantizerTest, ObservesEachTensorOnceAndWhatLayersReadByChannel) {
  Graph graph = InferGraph(R"(g (float[1,2,4,4] x) => (float[1,2,2,3] z)
      <float[2,2,1,1] w = {1,2,3,4}, float[2,3] v = {1,2,3,4,5,6}> {
        a = Conv(x, w)  b = Relu(a)  p = MaxPool <kernel_shape = [2,2], strides = [2,2]> (b)
        m = MaxPool <kernel_shape = [1,1]> (p)  t = Transpose <perm = [0,3,2,1]> (m)  z = MatMul(t, v) })");
  const QuantizationPlan plan = PlanQuantization(graph, {});
  std::vector<std::string> observed;
  for (const ObservedTensor& tensor : TensorsToObserve(graph, plan, {})) {
    observed.push_back(absl::StrCat(tensor.name, ":", tensor.channel_axis));
  }
  // p and m have only values of b; t is read by a layer.
  EXPECT_THAT(observed, ElementsAre("x:1", "b:-1", "t:3", "z:-1"));
}

TEST(QuantizerTest, TensorsOfAClassAreObservedByChannel) {
  Graph graph = InferGraph(R"(g (float[1,2,4,4] x) => (float[1,2,4,4] z)
      <float[2,2,1,1] w = {1,2,3,4}> { a = Conv(x, w)  z = Sigmoid(a) })");
  const QuantizationPlan plan = PlanQuantization(graph, {});
  ChannelClass tied;
  tied.tensors = {"a"};
  for (const ObservedTensor& tensor : TensorsToObserve(graph, plan, {tied})) {
    EXPECT_EQ(tensor.channel_axis, tensor.name == "z" ? -1 : 1) << tensor.name;
  }
}

TEST(QuantizerTest, RangesFollowTheFactors) {
  Calibrated calibrated = Calibrate(TwoLayers("Conv(r, w, b)"));
  const v1::Calibration calibration = MinMax(v1::BIAS_CORRECTION_OFF).calibration();
  ASSERT_OK_AND_ASSIGN(const auto before,
                       ChooseParameters(calibrated.graph, calibrated.plan, calibrated.statistics, {}, calibration));
  const ChannelStatistics& channels = calibrated.statistics.at("r").channels;
  const ChannelFactors factors = {{"r", {1, 10, 1, 1}}};
  ASSERT_OK_AND_ASSIGN(const auto after, ChooseParameters(calibrated.graph, calibrated.plan, calibrated.statistics,
                                                          factors, calibration));
  ASSERT_EQ(calibrated.plan.groups[1].tensors.front(), "r");
  EXPECT_FLOAT_EQ(after[1].scale, channels.max(1) * 10 / 255);
  EXPECT_EQ(after[0].scale, before[0].scale);
  EXPECT_GT(after[1].scale, before[1].scale);
}

TEST(QuantizerTest, MeansAreThoseOfTheRewrittenNetwork) {
  Calibrated calibrated = Calibrate(TwoLayers("Conv(r, w, b)"), 1);
  const std::vector<float> values =
      RunFor(calibrated.graph.model(), {"r"}, *RandomSamples(calibrated.graph)(0)).front();
  std::vector<float> expected(4);
  for (size_t i = 0; i < values.size(); ++i) expected[i / 9] += values[i] / 9 * (i / 9 == 2 ? 5.0F : 1.0F);
  const std::vector<double> means =
      InputMeans(calibrated.plan.linear_nodes[1], calibrated.statistics, {{"r", {1, 1, 5, 1}}}, 4);
  EXPECT_THAT(std::vector<float>(means.begin(), means.end()), Pointwise(FloatNear(1e-5F), expected));
  EXPECT_THAT(InputMeans(calibrated.plan.linear_nodes[1], {}, {}, 4), IsEmpty());
}

// The mean of z over all samples, by channel.
std::vector<float> MeanOfOutput(const onnx::ModelProto& model, const LoadSampleFunction& load, size_t samples) {
  std::vector<float> mean(3);
  for (size_t sample = 0; sample < samples; ++sample) {
    const std::vector<float> values = RunFor(model, {"z"}, *load(sample)).front();
    for (size_t i = 0; i < values.size(); ++i) mean[i / 9] += values[i] / 9 / static_cast<float>(samples);
  }
  return mean;
}

TEST(QuantizerTest, CorrectedBiasesBringTheMeanBack) {
  const Calibrated calibrated = Calibrate(TwoLayers("Conv(r, w, b)"));
  const LoadSampleFunction load = RandomSamples(calibrated.graph);
  const std::vector<float> expected = MeanOfOutput(calibrated.graph.model(), load, 8);
  const auto error_with = [&](v1::BiasCorrection correction) {
    Graph graph(calibrated.graph.model());
    const QuantizationPlan plan = PlanQuantization(graph, {});
    const auto quantization =
        QuantizeToNearest(graph, plan, calibrated.layers, calibrated.statistics, MinMax(correction));
    EXPECT_THAT(quantization, IsOk());
    // Weights only: the rounding of activations is not the matter here.
    FloatLayers rounded = calibrated.layers;
    for (size_t i = 0; i < rounded.weights.size(); ++i) {
      const LinearQuantization& linear = quantization->linear[i];
      ForEachWeight(rounded.weights[i], [&](size_t index, size_t output, size_t) {
        rounded.weights[i].values[index] =
            static_cast<float>(linear.weights.values[index]) * linear.weights.scales[output];
      });
      if (!rounded.weights[i].bias.empty()) rounded.weights[i].bias = linear.bias;
    }
    // The first layer as it is, so that the means are those that were observed.
    rounded.weights[0] = calibrated.layers.weights[0];
    WriteWeights(plan, rounded, graph);
    const std::vector<float> actual = MeanOfOutput(graph.model(), load, 8);
    float error = 0;
    for (size_t c = 0; c < 3; ++c) error = std::max(error, std::fabs(actual[c] - expected[c]));
    return error;
  };
  EXPECT_GT(error_with(v1::BIAS_CORRECTION_OFF), 0.01F);
  EXPECT_LT(error_with(v1::BIAS_CORRECTION_ANALYTIC), 1e-4F);
}

TEST(QuantizerTest, OnlyLayersWithAPlaceForABiasGetOne) {
  Calibrated calibrated = Calibrate(R"(g (float[1,2] x) => (float[1,2] z)
      <float[2,2] v = {1,0.3,0.6,1}, float[2,2] w = {1,0.3,0.6,1}> { a = Gemm(x, v)  z = MatMul(a, w) })");
  ASSERT_OK_AND_ASSIGN(const Quantization quantization,
                       QuantizeToNearest(calibrated.graph, calibrated.plan, calibrated.layers, calibrated.statistics,
                                         MinMax(v1::BIAS_CORRECTION_ANALYTIC)));
  EXPECT_EQ(quantization.linear[0].bias.size(), 2);
  EXPECT_THAT(quantization.linear[1].bias, IsEmpty());
  ASSERT_THAT(ApplyQuantization(calibrated.graph, calibrated.plan, quantization), IsOk());
  EXPECT_EQ(calibrated.graph.Producer("z_unquantized")->input_size(), 2);
}

TEST(QuantizerTest, WeightsAreRoundedByChannelOrTogether) {
  const Calibrated calibrated = Calibrate(TwoLayers("Conv(r, w, b)"));
  const LinearNode& linear = calibrated.plan.linear_nodes[1];
  const LinearWeights& weights = calibrated.layers.weights[1];
  EXPECT_THAT(RoundToNearest(linear, weights, 1, v1::WEIGHT_GRANULARITY_PER_CHANNEL).scales,
              ElementsAre(40.0F / 127, 40.0F / 127, 40.0F / 127));
  EXPECT_THAT(RoundToNearest(linear, weights, 1, v1::WEIGHT_GRANULARITY_PER_TENSOR).scales, ElementsAre(40.0F / 127));
  // With inputs this small a bias of 3 needs larger units of weight.
  const QuantizedWeights wide = RoundToNearest(linear, weights, 1e-10F, v1::WEIGHT_GRANULARITY_PER_CHANNEL);
  for (size_t i = 0; i < 3; ++i) EXPECT_LE(weights.bias[i] / (1e-10F * wide.scales[i]), 1.001F * (1 << 30));
}

TEST(QuantizerTest, WeightsAreWrittenInPlace) {
  Calibrated calibrated = Calibrate(TwoLayers("Conv(r, w, b)"));
  calibrated.layers.weights[1].values.assign(12, 2);
  calibrated.layers.weights[1].bias = {7, 8, 9};
  WriteWeights(calibrated.plan, calibrated.layers, calibrated.graph);
  ASSERT_OK_AND_ASSIGN(const std::vector<float> weights, FloatValues(*calibrated.graph.Initializer("w")));
  EXPECT_EQ(weights, std::vector<float>(12, 2));
  EXPECT_THAT(*calibrated.graph.Shape("w"), ElementsAre(3, 4, 1, 1));
  ASSERT_OK_AND_ASSIGN(const std::vector<float> bias, FloatValues(*calibrated.graph.Initializer("b")));
  EXPECT_THAT(bias, ElementsAre(7, 8, 9));
}

}  // namespace
}  // namespace joinery::compiler
