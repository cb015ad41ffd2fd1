#include "compiler/quantization/refine_scales.h"

#include <gtest/gtest.h>

#include <cmath>
#include <vector>

#include "base/status.h"
#include "compiler/quantization/quantizer.h"
#include "tests/compiler/quantization/builders.h"
#include "tests/testing/status_matchers.h"

namespace joinery::compiler {
namespace {

constexpr size_t kSamples = 16;

struct Network {
  Graph graph;
  QuantizationPlan plan;
  Quantization quantization;
  // Of the group that is between the layers.
  size_t between = 0;

  float& scale() { return quantization.activations[between].scale; }
};

// Two layers, with ranges from the smallest to the largest value of `load`.
Network MakeNetwork(const LoadSampleFunction& load) {
  Network network{InferGraph("g (float[1,4,5,5] x) => (float[1,6,5,5] z) <float[4,4,1,1] v = " +
                             RandomNumbers(4, 4, 1) + ", float[6,4,1,1] w = " + RandomNumbers(6, 4, 2) +
                             "> { a = Conv(x, v)  r = Relu(a)  z = Conv(r, w) }"),
                  {},
                  {}};
  network.plan = PlanQuantization(network.graph, {});
  FloatLayers layers;
  layers.weights = *LoadLinearWeights(network.graph, network.plan);
  v1::BuildConfiguration configuration;
  configuration.mutable_calibration()->set_range_method(v1::RANGE_METHOD_MIN_MAX);
  configuration.mutable_calibration()->set_weight_granularity(v1::WEIGHT_GRANULARITY_PER_CHANNEL);
  network.quantization = *QuantizeToNearest(
      network.graph, network.plan, layers,
      ObserveAll(network.graph, TensorsToObserve(network.graph, network.plan, {}), kSamples, load), configuration);
  for (size_t i = 0; i < network.plan.groups.size(); ++i) {
    if (network.plan.groups[i].tensors.front() == "r") network.between = i;
  }
  return network;
}

LoadSampleFunction Samples() {
  return RandomSamples(InferGraph("g (float[1,4,5,5] x) => (float[1,4,5,5] y) { y = Relu(x) }"));
}

absl::StatusOr<int> Refine(Network& network, size_t samples, const LoadSampleFunction& load, int threads = 1) {
  return RefineScales(network.graph, network.plan, samples, load, {.threads = threads, .on_progress = nullptr},
                      network.quantization);
}

TEST(RefineScalesTest, WidensARangeThatCutsOffTooMuch) {
  Network network = MakeNetwork(Samples());
  const float narrow = network.scale() / 2;
  network.scale() = narrow;
  ASSERT_OK_AND_ASSIGN(const int changed, Refine(network, kSamples, Samples()));
  EXPECT_GE(changed, 1);
  EXPECT_FLOAT_EQ(network.scale(), narrow * 1.15F);
}

TEST(RefineScalesTest, NarrowsARangeThatIsNotFilled) {
  Network network = MakeNetwork(Samples());
  const float wide = network.scale() * 3;
  network.scale() = wide;
  ASSERT_OK_AND_ASSIGN(const int changed, Refine(network, kSamples, Samples()));
  EXPECT_GE(changed, 1);
  EXPECT_FLOAT_EQ(network.scale(), wide * 0.87F);
}

// Every other sample is so small that it would be better off with less of a range, which cuts off what the others have.
TEST(RefineScalesTest, WhatOnlyHelpsTheSamplesItWasChosenOnIsNotKept) {
  const auto load_shrunk = [](size_t modulus) -> LoadSampleFunction {
    return [modulus](size_t sample) -> absl::StatusOr<std::vector<Tensor>> {
      ASSIGN_OR_RETURN(std::vector<Tensor> feed, Samples()(sample));
      for (float& value : feed[0].mutable_values<float>()) value *= sample % modulus == 0 ? 0.2F : 2.0F;
      return feed;
    };
  };
  Network network = MakeNetwork(Samples());
  const float before = network.scale();
  ASSERT_OK_AND_ASSIGN(const int all_small, Refine(network, kSamples, load_shrunk(1)));
  EXPECT_GE(all_small, 1);
  EXPECT_LT(network.scale(), before);

  network = MakeNetwork(Samples());
  ASSERT_OK_AND_ASSIGN(const int half_small, Refine(network, kSamples, load_shrunk(2)));
  EXPECT_FLOAT_EQ(network.scale(), before) << half_small;
}

TEST(RefineScalesTest, TooFewSamplesProveNothing) {
  Network network = MakeNetwork(Samples());
  network.scale() /= 2;
  const float narrow = network.scale();
  ASSERT_OK_AND_ASSIGN(const int changed, Refine(network, 3, Samples()));
  EXPECT_EQ(changed, 0);
  EXPECT_EQ(network.scale(), narrow);
}

TEST(RefineScalesTest, IsTheSameForAnyNumberOfThreads) {
  Network one = MakeNetwork(Samples());
  Network three = MakeNetwork(Samples());
  one.scale() /= 2;
  three.scale() /= 2;
  ASSERT_OK_AND_ASSIGN(const int changed, Refine(one, kSamples, Samples(), 1));
  ASSERT_OK_AND_ASSIGN(const int changed_by_three, Refine(three, kSamples, Samples(), 3));
  EXPECT_EQ(changed, changed_by_three);
  for (size_t i = 0; i < one.quantization.activations.size(); ++i) {
    EXPECT_EQ(one.quantization.activations[i].scale, three.quantization.activations[i].scale);
  }
}

}  // namespace
}  // namespace joinery::compiler
