#include "compiler/quantization/correct_bias.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <cmath>
#include <random>
#include <vector>

namespace joinery::compiler {
namespace {

using ::testing::DoubleNear;
using ::testing::FloatNear;
using ::testing::Not;
using ::testing::Pointwise;

// A 1x1 convolution of `inputs` channels in so many groups, rounded so coarsely that it shows.
LinearWeights PointwiseWeights(int64_t outputs, int64_t inputs, int64_t groups) {
  LinearWeights weights;
  weights.shape = {outputs, inputs / groups, 1, 1};
  weights.outputs = outputs;
  weights.inputs = inputs;
  weights.groups = groups;
  std::mt19937 generator(5);
  std::normal_distribution<float> normal;
  weights.values.resize(static_cast<size_t>(outputs * inputs / groups));
  for (float& value : weights.values) value = normal(generator);
  return weights;
}

QuantizedWeights RoundCoarsely(const LinearWeights& weights, std::vector<float> scales) {
  QuantizedWeights rounded;
  rounded.scales = std::move(scales);
  ForEachWeight(weights, [&](size_t index, size_t output, size_t /*input*/) {
    const float scale = rounded.scales.size() == 1 ? rounded.scales[0] : rounded.scales[output];
    rounded.values.push_back(static_cast<int8_t>(std::nearbyint(weights.values[index] / scale)));
  });
  return rounded;
}

// The mean of each output channel over all samples: the layer is computed for each.
std::vector<double> MeanOutput(const LinearWeights& weights, const std::vector<double>& values,
                               const std::vector<std::vector<double>>& samples, const std::vector<float>& bias) {
  std::vector<double> mean(static_cast<size_t>(weights.outputs));
  for (const std::vector<double>& sample : samples) {
    std::vector<double> output(bias.begin(), bias.end());
    output.resize(mean.size());
    ForEachWeight(weights, [&](size_t index, size_t o, size_t i) { output[o] += values[index] * sample[i]; });
    for (size_t o = 0; o < mean.size(); ++o) mean[o] += output[o] / static_cast<double>(samples.size());
  }
  return mean;
}

struct Case {
  int64_t outputs;
  int64_t inputs;
  int64_t groups;
  std::vector<float> scales;
  std::vector<float> bias;
};

class CorrectBiasTest : public ::testing::TestWithParam<Case> {};

TEST_P(CorrectBiasTest, TheMeanOfTheOutputIsTheFloatLayers) {
  const Case& test = GetParam();
  const LinearWeights weights = PointwiseWeights(test.outputs, test.inputs, test.groups);
  const QuantizedWeights rounded = RoundCoarsely(weights, test.scales);
  std::mt19937 generator(6);
  std::uniform_real_distribution<double> uniform(0, 2);
  std::vector<std::vector<double>> samples(20, std::vector<double>(static_cast<size_t>(test.inputs)));
  std::vector<double> means(static_cast<size_t>(test.inputs));
  for (std::vector<double>& sample : samples) {
    for (size_t i = 0; i < sample.size(); ++i) {
      sample[i] = uniform(generator);
      means[i] += sample[i] / static_cast<double>(samples.size());
    }
  }
  std::vector<double> dequantized(rounded.values.size());
  ForEachWeight(weights, [&](size_t index, size_t output, size_t /*input*/) {
    dequantized[index] = static_cast<double>(rounded.values[index]) * test.scales[test.scales.size() == 1 ? 0 : output];
  });
  const std::vector<double> expected =
      MeanOutput(weights, {weights.values.begin(), weights.values.end()}, samples, test.bias);
  std::vector<float> bias = test.bias;
  EXPECT_THAT(MeanOutput(weights, dequantized, samples, bias), Not(Pointwise(DoubleNear(0.01), expected)));
  CorrectBias(weights, rounded, means, bias);
  EXPECT_EQ(bias.size(), static_cast<size_t>(test.outputs));
  EXPECT_THAT(MeanOutput(weights, dequantized, samples, bias), Pointwise(DoubleNear(1e-6), expected));
}

INSTANTIATE_TEST_SUITE_P(, CorrectBiasTest,
                         ::testing::ValuesIn<Case>({
                             {3, 8, 1, {0.5F, 0.3F, 0.4F}, {1, 2, 3}},
                             {3, 8, 1, {0.5F, 0.3F, 0.4F}, {}},
                             {3, 8, 1, {0.5F}, {}},
                             {4, 8, 2, {0.5F, 0.3F, 0.4F, 0.6F}, {}},
                             {4, 4, 4, {0.5F, 0.3F, 0.4F, 0.6F}, {1, 1, 1, 1}},
                         }));

TEST(CorrectNoBiasTest, ExactWeightsNeedNoCorrection) {
  LinearWeights weights = PointwiseWeights(1, 2, 1);
  weights.values = {1, -2};
  std::vector<float> bias = {0.25F};
  CorrectBias(weights, {{2, -4}, {0.5F}}, {3.0, 4.0}, bias);
  EXPECT_THAT(bias, Pointwise(FloatNear(0), std::vector<float>{0.25F}));
}

}  // namespace
}  // namespace joinery::compiler
