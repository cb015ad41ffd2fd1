#include "compiler/quantization/smooth.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <algorithm>
#include <cmath>
#include <random>
#include <string>
#include <vector>

#include "compiler/quantization/apply.h"
#include "compiler/quantization/quantizer.h"
#include "tests/compiler/quantization/builders.h"
#include "tests/testing/status_matchers.h"

namespace joinery::compiler {
namespace {

using ::joinery::testing::IsOk;
using ::testing::ElementsAre;
using ::testing::IsEmpty;

constexpr size_t kSamples = 12;

std::string Matrix(const std::string& name, size_t rows, size_t columns, uint32_t seed) {
  return absl::StrCat("float[", rows, ",", columns, "] ", name, " = ", RandomNumbers(rows, columns, seed));
}

// Weights of a layer that reads normalized values. Those for the two large channels are small, as training leaves them.
std::string Reading(const std::string& name, size_t columns, uint32_t seed) {
  std::mt19937 generator(seed);
  std::normal_distribution<float> normal;
  std::vector<float> values;
  for (size_t row = 0; row < 16; ++row) {
    for (size_t column = 0; column < columns; ++column) {
      values.push_back(normal(generator) * (row == 3 || row == 9 ? 0.02F : 1.0F));
    }
  }
  return absl::StrCat("float[16,", columns, "] ", name, " = {", absl::StrJoin(values, ","), "}");
}

// Scales of a normalization, two of them fifty times the others.
std::string Outliers(const std::string& name) {
  std::vector<float> scales(16, 1);
  scales[3] = 50;
  scales[9] = 50;
  return absl::StrCat("float[16] ", name, " = {", absl::StrJoin(scales, ","), "}");
}

// A block of a transformer: attention with one head, then two layers with a Relu between them.
std::string Block() {
  return absl::StrCat("g (float[1,6,16] x) => (float[1,6,16] z) <", Outliers("g1"), ", ", Outliers("g2"),
                      ", float[16] s1 = ", RandomNumbers(1, 16, 1), ", ", Reading("wq", 8, 2), ", ",
                      Reading("wk", 8, 3), ", ", Reading("wv", 16, 4), ", ", Reading("w1", 24, 5), ", ",
                      Matrix("w2", 24, 16, 6), ", float d = {0.1}, int64[2] rows = {6,16}, int64[3] back = {1,6,16}",
                      R"(> {
      n = LayerNormalization <axis = -1> (x, g1, s1)
      q = MatMul(n, wq)  k = MatMul(n, wk)  v = MatMul(n, wv)
      t = Transpose <perm = [0,2,1]> (k)  s = MatMul(q, t)
      c = Mul(s, d)  p = Softmax(c)  o = MatMul(p, v)
      u = Add(x, o)  m = LayerNormalization <axis = -1> (u, g2)
      f = Reshape(m, rows)  h = Gemm(f, w1)  r = Relu(h)  y = Gemm(r, w2)  z = Reshape(y, back) })");
}

struct Smoothed {
  Graph graph;
  QuantizationPlan plan;
  StatisticsOfTensors statistics;
  FloatLayers layers;
  int tensors = 0;
};

Smoothed SmoothAll(const std::string& text, double strength) {
  Smoothed result{InferGraph(text, 17), {}, {}, {}, 0};
  result.plan = PlanQuantization(result.graph, {});
  result.layers.weights = *LoadLinearWeights(result.graph, result.plan);
  const auto normalized = FindNormalizedTensors(result.graph, result.plan, result.layers.weights);
  std::vector<ObservedTensor> observed = TensorsToObserve(result.graph, result.plan, {});
  ObserveByChannel(result.graph, normalized, observed);
  result.statistics = ObserveAll(result.graph, observed, kSamples, RandomSamples(result.graph));
  if (strength == 0) return result;
  const absl::StatusOr<int> smoothed = Smooth(normalized, result.statistics, strength, result.graph, result.layers);
  EXPECT_THAT(smoothed, IsOk());
  result.tensors = smoothed.value_or(0);
  WriteWeights(result.plan, result.layers, result.graph);
  return result;
}

// In decibels, of z on samples that were not observed.
double Sqnr(const Smoothed& smoothed, const onnx::ModelProto& reference) {
  v1::BuildConfiguration configuration;
  configuration.mutable_calibration()->set_range_method(v1::RANGE_METHOD_MSE);
  configuration.mutable_calibration()->set_weight_granularity(v1::WEIGHT_GRANULARITY_PER_CHANNEL);
  Graph graph(smoothed.graph.model());
  const QuantizationPlan plan = PlanQuantization(graph, {});
  const auto quantization = QuantizeToNearest(graph, plan, smoothed.layers, smoothed.statistics, configuration);
  EXPECT_THAT(quantization, IsOk());
  EXPECT_THAT(ApplyQuantization(graph, plan, *quantization), IsOk());
  const LoadSampleFunction load = RandomSamples(smoothed.graph);
  double signal = 0;
  double noise = 0;
  for (size_t sample = kSamples; sample < 3 * kSamples; ++sample) {
    const std::vector<Tensor> feed = *load(sample);
    const std::vector<float> expected = RunFor(reference, {"z"}, feed).front();
    const std::vector<float> actual = RunFor(graph.model(), {"z"}, feed).front();
    for (size_t i = 0; i < expected.size(); ++i) {
      signal += std::pow(expected[i], 2);
      noise += std::pow(actual[i] - expected[i], 2);
    }
  }
  return 10 * std::log10(signal / noise);
}

TEST(SmoothTest, TheNetworkComputesTheSame) {
  const Graph original = InferGraph(Block(), 17);
  const Smoothed smoothed = SmoothAll(Block(), 0.5);
  EXPECT_EQ(smoothed.tensors, 2);
  const std::vector<Tensor> feed = *RandomSamples(original)(3);
  const std::vector<float> expected = RunFor(original.model(), {"z"}, feed).front();
  const std::vector<float> actual = RunFor(smoothed.graph.model(), {"z"}, feed).front();
  float largest = 0;
  for (const float value : expected) largest = std::max(largest, std::fabs(value));
  for (size_t i = 0; i < expected.size(); ++i) EXPECT_NEAR(actual[i], expected[i], largest * 1e-5F);
}

TEST(SmoothTest, TensorsAreMultipliedByTheFactorsThatAreReturned) {
  const Graph original = InferGraph(Block(), 17);
  const Smoothed smoothed = SmoothAll(Block(), 0.5);
  const std::vector<Tensor> feed = *RandomSamples(original)(3);
  for (const std::string tensor : {"n", "m", "f"}) {
    const std::vector<float>& factors = smoothed.layers.factors.at(tensor);
    const std::vector<float> before = RunFor(original.model(), {tensor}, feed).front();
    const std::vector<float> after = RunFor(smoothed.graph.model(), {tensor}, feed).front();
    EXPECT_GT(factors[0], factors[3] * 3);
    for (size_t i = 0; i < before.size(); ++i) {
      EXPECT_NEAR(after[i], before[i] * factors[i % 16], 1e-4F * std::max(1.0F, std::fabs(after[i]))) << tensor;
    }
  }
}

TEST(SmoothTest, OutlierChannelsCostLess) {
  const Graph original = InferGraph(Block(), 17);
  EXPECT_GT(Sqnr(SmoothAll(Block(), 0.5), original.model()), Sqnr(SmoothAll(Block(), 0), original.model()) + 3);
}

TEST(SmoothTest, FindsWhatOnlyLayersRead) {
  Graph graph = InferGraph(Block(), 17);
  const QuantizationPlan plan = PlanQuantization(graph, {});
  const auto found = FindNormalizedTensors(graph, plan, *LoadLinearWeights(graph, plan));
  ASSERT_EQ(found.size(), 2);
  EXPECT_THAT(found[0].tensors, ElementsAre("n"));
  EXPECT_EQ(found[0].scale, "g1");
  EXPECT_EQ(found[0].bias, "s1");
  EXPECT_EQ(found[0].consumers.size(), 3);
  EXPECT_THAT(found[1].tensors, ElementsAre("m", "f"));
  EXPECT_THAT(found[1].bias, IsEmpty());
}

// The tensor is an operand of an addition, too, which would add up channels of different factors.
TEST(SmoothTest, ATensorThatOthersReadStaysAsItIs) {
  std::string text = Block();
  text.replace(text.find("Add(x, o)"), 9, "Add(n, o)");
  const Smoothed smoothed = SmoothAll(text, 0.5);
  EXPECT_EQ(smoothed.tensors, 1);
  EXPECT_FALSE(smoothed.layers.factors.contains("n"));
}

}  // namespace
}  // namespace joinery::compiler
