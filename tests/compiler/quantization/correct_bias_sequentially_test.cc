#include "compiler/quantization/correct_bias_sequentially.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <algorithm>
#include <cmath>
#include <string>
#include <vector>

#include "compiler/quantization/apply.h"
#include "compiler/quantization/quantizer.h"
#include "tests/compiler/quantization/builders.h"
#include "tests/testing/status_matchers.h"

namespace joinery::compiler {
namespace {

using ::joinery::testing::IsOk;

constexpr size_t kSamples = 16;

// Two layers, and the numbers of a quantization that lets half of what is between them saturate.
struct Network {
  Graph graph;
  QuantizationPlan plan;
  FloatLayers layers;
  Quantization quantization;
  LoadSampleFunction load;
};

Network MakeNetwork(const std::string& second) {
  Network network{InferGraph("g (float[1,4,5,5] x) => (float[1,3,5,5] z) <float[6,4,1,1] v = " +
                             RandomNumbers(6, 4, 1) + ", float[3,6,1,1] w = " + RandomNumbers(3, 6, 2) +
                             ", float[3] b = {1,2,3}> { a = Conv(x, v)  r = Relu(a)  z = " + second + " }"),
                  {},
                  {},
                  {},
                  {}};
  network.load = RandomSamples(network.graph);
  network.plan = PlanQuantization(network.graph, {});
  network.layers.weights = *LoadLinearWeights(network.graph, network.plan);
  const StatisticsOfTensors statistics =
      ObserveAll(network.graph, TensorsToObserve(network.graph, network.plan, {}), kSamples, network.load);
  v1::BuildConfiguration configuration;
  configuration.mutable_calibration()->set_range_method(v1::RANGE_METHOD_MIN_MAX);
  configuration.mutable_calibration()->set_weight_granularity(v1::WEIGHT_GRANULARITY_PER_CHANNEL);
  configuration.mutable_quantization()->set_bias_correction(v1::BIAS_CORRECTION_ANALYTIC);
  network.quantization = *QuantizeToNearest(network.graph, network.plan, network.layers, statistics, configuration);
  for (size_t i = 0; i < network.plan.groups.size(); ++i) {
    if (network.plan.groups[i].tensors.front() == "r") network.quantization.activations[i].scale /= 4;
  }
  return network;
}

absl::Status Correct(Network& network, int threads) {
  return CorrectBiasSequentially(network.graph, network.plan, network.layers.weights, kSamples, network.load,
                                 {.threads = threads, .on_progress = nullptr}, network.quantization);
}

// The largest of the channels' errors of the mean of z over all samples.
float ErrorOfMean(const Network& network) {
  Graph graph(network.graph.model());
  const QuantizationPlan plan = PlanQuantization(graph, {});
  EXPECT_THAT(ApplyQuantization(graph, plan, network.quantization), IsOk());
  std::vector<float> errors(3);
  for (size_t sample = 0; sample < kSamples; ++sample) {
    const std::vector<Tensor> feed = *network.load(sample);
    const std::vector<float> expected = RunFor(network.graph.model(), {"z"}, feed).front();
    const std::vector<float> actual = RunFor(graph.model(), {"z"}, feed).front();
    for (size_t i = 0; i < expected.size(); ++i) {
      errors[i / 25] += (actual[i] - expected[i]) / 25 / static_cast<float>(kSamples);
    }
  }
  return std::max({std::fabs(errors[0]), std::fabs(errors[1]), std::fabs(errors[2])});
}

TEST(CorrectBiasSequentiallyTest, MakesUpForWhatSaturationShifts) {
  Network network = MakeNetwork("Conv(r, w, b)");
  const float before = ErrorOfMean(network);
  ASSERT_THAT(Correct(network, 1), IsOk());
  // What is left is z's own rounding.
  EXPECT_GT(before, 0.3F);
  EXPECT_LT(ErrorOfMean(network), 0.02F);
}

TEST(CorrectBiasSequentiallyTest, LayersWithoutABiasGetOne) {
  Network network = MakeNetwork("Conv(r, w)");
  network.quantization.linear[1].bias.clear();
  ASSERT_THAT(Correct(network, 1), IsOk());
  EXPECT_EQ(network.quantization.linear[1].bias.size(), 3);
  EXPECT_LT(ErrorOfMean(network), 0.02F);
}

TEST(CorrectBiasSequentiallyTest, IsTheSameForAnyNumberOfThreads) {
  Network one = MakeNetwork("Conv(r, w, b)");
  Network three = MakeNetwork("Conv(r, w, b)");
  ASSERT_THAT(Correct(one, 1), IsOk());
  ASSERT_THAT(Correct(three, 3), IsOk());
  for (size_t i = 0; i < 2; ++i) EXPECT_EQ(one.quantization.linear[i].bias, three.quantization.linear[i].bias);
}

TEST(CorrectBiasSequentiallyTest, AnErrorOfTheListenerEndsIt) {
  Network network = MakeNetwork("Conv(r, w, b)");
  size_t calls = 0;
  const absl::Status status =
      CorrectBiasSequentially(network.graph, network.plan, network.layers.weights, kSamples, network.load,
                              {.threads = 1,
                               .on_progress =
                                   [&](size_t) {
                                     ++calls;
                                     return absl::CancelledError("stop");
                                   }},
                              network.quantization);
  EXPECT_EQ(status, absl::CancelledError("stop"));
  EXPECT_EQ(calls, 1);
}

}  // namespace
}  // namespace joinery::compiler
