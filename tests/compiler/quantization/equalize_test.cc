#include "compiler/quantization/equalize.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <algorithm>
#include <cmath>
#include <string>
#include <vector>

#include "compiler/quantization/quantizer.h"
#include "tests/compiler/quantization/builders.h"

namespace joinery::compiler {
namespace {

using ::testing::Each;
using ::testing::FloatEq;
using ::testing::IsEmpty;

constexpr size_t kSamples = 12;

// A float network, and what equalization makes of it.
struct Equalized {
  Graph graph;
  QuantizationPlan plan;
  FloatLayers layers;
  onnx::ModelProto rewritten;
  LoadSampleFunction load;
};

Equalized EqualizeAll(const std::string& text, const LoadSampleFunction& load = nullptr) {
  Equalized result{InferGraph(text), {}, {}, {}, load};
  if (load == nullptr) result.load = RandomSamples(result.graph);
  result.plan = PlanQuantization(result.graph, {});
  absl::StatusOr<std::vector<LinearWeights>> weights = LoadLinearWeights(result.graph, result.plan);
  EXPECT_TRUE(weights.ok()) << weights.status();
  result.layers.weights = *std::move(weights);
  const auto classes = FindChannelClasses(result.graph, result.plan, result.layers.weights);
  const auto statistics =
      ObserveAll(result.graph, TensorsToObserve(result.graph, result.plan, classes), kSamples, result.load);
  result.layers.factors = Equalize(classes, statistics, result.layers.weights);
  Graph rewritten(result.graph.model());
  WriteWeights(result.plan, result.layers, rewritten);
  result.rewritten = rewritten.model();
  return result;
}

std::string Weights(const std::string& name, const std::vector<size_t>& shape, uint32_t seed, double spread) {
  const size_t columns = shape.size() < 2 ? 1 : shape[1] * (shape.size() > 2 ? shape[2] * shape[3] : 1);
  return absl::StrCat("float[", absl::StrJoin(shape, ","), "] ", name, " = ",
                      RandomNumbers(shape[0], columns, seed, spread));
}

// An inverted residual block, whose channels differ by factors of up to 40; then the head of a classifier.
std::string InvertedResidual(const std::string& clip_constants, const std::string& clip) {
  return absl::StrCat("g (float[1,3,6,6] x) => (float[1,5] z) <", Weights("w0", {4, 3, 1, 1}, 1, 0.5), ", ",
                      Weights("b0", {4}, 2, 0.5), ", ", Weights("w1", {8, 4, 1, 1}, 3, 0.6), ", ",
                      Weights("b1", {8}, 4, 0.6), ", ", Weights("w2", {8, 1, 3, 3}, 5, 0.7), ", ",
                      Weights("w3", {4, 8, 1, 1}, 6, 2), ", ", Weights("b3", {4}, 7, 2), ", ",
                      Weights("w4", {6, 4, 1, 1}, 8, 0.5), ", ", Weights("w5", {6, 5}, 9, 1), clip_constants, "> {",
                      R"( s = Conv(x, w0, b0)
          e = Conv(s, w1, b1)  r = )",
                      clip, R"((e)
          d = Conv <group = 8, pads = [1,1,1,1]> (r, w2)  q = )",
                      clip, R"((d)
          p = Conv(q, w3, b3)  t = Add(s, p)
          h = Conv(t, w4)  u = Relu(h)  g1 = GlobalAveragePool(u)  f = Flatten(g1)  z = Gemm(f, w5) })");
}

std::string WithRelu6() {
  std::string text = InvertedResidual(", float zero = {0}, float six = {6}", "Clip");
  for (const std::string name : {"(e)", "(d)"}) {
    text.replace(text.find("Clip" + name), 4 + name.size(), "Clip" + name.substr(0, 2) + ", zero, six)");
  }
  return text;
}

void ExpectSameFunction(const Equalized& equalized) {
  for (size_t sample = 0; sample < kSamples; ++sample) {
    const std::vector<Tensor> feed = *equalized.load(sample);
    const std::vector<float> expected = RunFor(equalized.graph.model(), {"z"}, feed).front();
    const std::vector<float> actual = RunFor(equalized.rewritten, {"z"}, feed).front();
    float largest = 0;
    for (const float value : expected) largest = std::max(largest, std::fabs(value));
    ASSERT_EQ(actual.size(), expected.size());
    for (size_t i = 0; i < expected.size(); ++i) EXPECT_NEAR(actual[i], expected[i], largest * 1e-5) << sample;
  }
}

bool IsScaled(const Equalized& equalized, const std::string& tensor) {
  const auto found = equalized.layers.factors.find(tensor);
  return found != equalized.layers.factors.end() &&
         *std::max_element(found->second.begin(), found->second.end()) >
             *std::min_element(found->second.begin(), found->second.end()) * 1.5F;
}

TEST(EqualizeTest, TheNetworkComputesTheSame) {
  const Equalized equalized = EqualizeAll(InvertedResidual("", "Relu"));
  for (const char* tensor : {"s", "p", "t", "r"}) EXPECT_TRUE(IsScaled(equalized, tensor)) << tensor;
  ExpectSameFunction(equalized);
}

TEST(EqualizeTest, TheNetworkComputesTheSameBehindClips) {
  const Equalized equalized = EqualizeAll(WithRelu6());
  EXPECT_TRUE(IsScaled(equalized, "r"));
  ExpectSameFunction(equalized);
}

TEST(EqualizeTest, TensorsAreMultipliedByTheFactorsThatAreReturned) {
  const Equalized equalized = EqualizeAll(WithRelu6());
  const std::vector<Tensor> feed = *equalized.load(3);
  for (const auto& [tensor, factors] : equalized.layers.factors) {
    const std::vector<float> before = RunFor(equalized.graph.model(), {tensor}, feed).front();
    const std::vector<float> after = RunFor(equalized.rewritten, {tensor}, feed).front();
    const size_t positions = before.size() / factors.size();
    for (size_t i = 0; i < before.size(); ++i) {
      // What a Clip reads may be beyond its limit before and after.
      if (tensor == "e" || tensor == "d") continue;
      EXPECT_NEAR(after[i], before[i] * factors[i / positions], 1e-4 * std::max(1.0F, std::fabs(after[i]))) << tensor;
    }
  }
}

TEST(EqualizeTest, NothingSeenGetsBeyondTheLimitOfAClip) {
  const Equalized equalized = EqualizeAll(WithRelu6());
  for (const std::string tensor : {"e", "d"}) {
    for (size_t sample = 0; sample < kSamples; ++sample) {
      const std::vector<Tensor> feed = *equalized.load(sample);
      const std::vector<float> before = RunFor(equalized.graph.model(), {tensor}, feed).front();
      const std::vector<float> after = RunFor(equalized.rewritten, {tensor}, feed).front();
      for (size_t i = 0; i < before.size(); ++i) EXPECT_TRUE(before[i] > 6 || after[i] <= 6.0001F) << tensor;
    }
  }
}

// Samples that are all the same size, so that a channel's bound is its largest value.
absl::StatusOr<std::vector<Tensor>> LoadOnes(size_t /*sample*/) {
  return std::vector<Tensor>{MakeTensor<float>(onnx::TensorProto::FLOAT, {1, 1, 1, 1}, {1.0F})};
}

// Each output channel has a scale of its own for the one channel it reads, so nothing speaks against full use.
TEST(EqualizeTest, ChannelsBeforeADepthwiseLayerFillTheRange) {
  const Equalized equalized = EqualizeAll(R"(g (float[1,1,1,1] x) => (float[1,3,1,1] z)
      <float[3,1,1,1] v = {8,4,2}, float[3,1,1,1] w = {1,2,3}> {
        a = Conv(x, v)  b = Relu(a)  z = Conv <group = 3> (b, w) })",
                                          LoadOnes);
  EXPECT_THAT(equalized.layers.factors.at("b"), ::testing::ElementsAre(FloatEq(1), FloatEq(2), FloatEq(4)));
  EXPECT_THAT(equalized.layers.weights[0].values, Each(FloatEq(8)));
  EXPECT_THAT(equalized.layers.weights[1].values, ::testing::ElementsAre(FloatEq(1), FloatEq(1), FloatEq(3.0F / 4)));
}

TEST(EqualizeTest, AChannelThatIsAlwaysZeroStaysAsItIs) {
  const Equalized equalized = EqualizeAll(R"(g (float[1,1,1,1] x) => (float[1,3,1,1] z)
      <float[3,1,1,1] v = {8,2,-1}, float[3,1,1,1] w = {1,2,3}> {
        a = Conv(x, v)  b = Relu(a)  z = Conv <group = 3> (b, w) })",
                                          LoadOnes);
  EXPECT_THAT(equalized.layers.factors.at("b"), ::testing::ElementsAre(FloatEq(1), FloatEq(4), FloatEq(1)));
}

TEST(EqualizeTest, EqualChannelsAreLeftAlone) {
  const Equalized equalized = EqualizeAll(R"(g (float[1,1,1,1] x) => (float[1,2,1,1] z)
      <float[2,1,1,1] v = {8,8}, float[2,2,1,1] w = {1,2,3,4}> { a = Conv(x, v)  b = Relu(a)  z = Conv(b, w) })",
                                          LoadOnes);
  EXPECT_THAT(equalized.layers.factors, IsEmpty());
}

// The small channel has the large weights, and one scale for both: scaling it would help it, as the division makes its
// weights smaller. The other way round it would leave the small weights next to nothing of the scale.
TEST(EqualizeTest, WeightsThatShareAScaleHaveASay) {
  const auto factor_of_small = [](const std::string& weights) {
    const Equalized equalized = EqualizeAll(
        "g (float[1,1,2,2] x) => (float[1,1,2,2] z) <float[2,1,1,1] v = {16,1}, float[1,2,1,1] w = " + weights +
        "> { a = Conv(x, v)  b = LeakyRelu(a)  z = Conv(b, w) }");
    const auto found = equalized.layers.factors.find("b");
    return found == equalized.layers.factors.end() ? 1.0F : found->second[1] / found->second[0];
  };
  EXPECT_GT(factor_of_small("{1,16}"), factor_of_small("{16,1}") * 1.5F);
}

}  // namespace
}  // namespace joinery::compiler
