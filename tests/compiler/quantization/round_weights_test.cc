#include "compiler/quantization/round_weights.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <algorithm>
#include <cmath>
#include <cstdint>
#include <random>
#include <vector>

namespace joinery::compiler {
namespace {

constexpr int64_t kOutputs = 6;
constexpr int64_t kDepth = 24;
constexpr int64_t kColumns = 400;

// A layer in so many groups whose inputs go together, as those of real networks do.
struct Layer {
  LinearWeights weights;
  LayerInputs inputs;
  QuantizedWeights nearest;
};

Layer MakeLayer(int64_t groups, bool input_first) {
  std::mt19937 generator(11);
  std::normal_distribution<float> normal;
  Layer layer;
  layer.weights.groups = groups;
  layer.weights.outputs = kOutputs;
  layer.weights.inputs = kDepth * groups;
  layer.weights.input_first = input_first;
  layer.weights.shape = input_first ? std::vector<int64_t>{kDepth, kOutputs} : std::vector<int64_t>{kOutputs, kDepth};
  layer.weights.values.resize(static_cast<size_t>(kOutputs * kDepth));
  for (float& value : layer.weights.values) value = normal(generator);
  layer.inputs.groups = groups;
  layer.inputs.depth = kDepth;
  layer.inputs.scale = 0.05F;
  layer.inputs.zero_point = 30;
  for (int64_t column = 0; column < kColumns; ++column) {
    const float shared = normal(generator);
    for (int64_t i = 0; i < groups * kDepth; ++i) {
      const float number = 90 + 30 * shared + 10 * normal(generator);
      layer.inputs.numbers.push_back(static_cast<uint8_t>(std::clamp(number, 0.0F, 255.0F)));
    }
  }
  // So few numbers that it shows.
  layer.nearest.scales.assign(kOutputs, 0.4F);
  for (const float value : layer.weights.values) {
    layer.nearest.values.push_back(static_cast<int8_t>(std::nearbyint(value / 0.4F)));
  }
  return layer;
}

struct Error {
  // Over all columns and outputs, of what is added to the exact output.
  double mean_square = 0;
  double largest_mean = 0;
};

Error ErrorOf(const Layer& layer, const QuantizedWeights& rounded, const std::vector<float>& bias) {
  Error error;
  std::vector<double> means(kOutputs);
  for (int64_t column = 0; column < kColumns; ++column) {
    std::vector<double> errors(bias.begin(), bias.end());
    errors.resize(kOutputs);
    ForEachWeight(layer.weights, [&](size_t index, size_t output, size_t input) {
      const auto at = static_cast<size_t>(column * layer.inputs.groups * kDepth) + input;
      const double value = (layer.inputs.numbers[at] - layer.inputs.zero_point) * layer.inputs.scale;
      errors[output] += (rounded.values[index] * 0.4F - layer.weights.values[index]) * value;
    });
    for (size_t o = 0; o < errors.size(); ++o) {
      error.mean_square += errors[o] * errors[o] / kOutputs / kColumns;
      means[o] += errors[o] / kColumns;
    }
  }
  for (const double mean : means) error.largest_mean = std::max(error.largest_mean, std::fabs(mean));
  return error;
}

struct Case {
  int64_t groups;
  bool input_first;
};

class RoundWeightsTest : public ::testing::TestWithParam<Case> {};

TEST_P(RoundWeightsTest, TheOutputIsOffLessThanByRoundingEachToNearest) {
  const Layer layer = MakeLayer(GetParam().groups, GetParam().input_first);
  QuantizedWeights rounded = layer.nearest;
  RoundToOutput(layer.weights, layer.inputs, rounded, nullptr);
  EXPECT_EQ(rounded.scales, layer.nearest.scales);
  EXPECT_LT(ErrorOf(layer, rounded, {}).mean_square, ErrorOf(layer, layer.nearest, {}).mean_square / 3);
}

TEST_P(RoundWeightsTest, TheBiasTakesTheMean) {
  const Layer layer = MakeLayer(GetParam().groups, GetParam().input_first);
  QuantizedWeights rounded = layer.nearest;
  std::vector<float> bias;
  RoundToOutput(layer.weights, layer.inputs, rounded, &bias);
  ASSERT_EQ(bias.size(), kOutputs);
  const Error error = ErrorOf(layer, rounded, bias);
  EXPECT_LT(error.largest_mean, 1e-3);
  EXPECT_LT(error.mean_square, ErrorOf(layer, layer.nearest, {}).mean_square / 3);
}

INSTANTIATE_TEST_SUITE_P(, RoundWeightsTest,
                         ::testing::ValuesIn<Case>({{1, false}, {1, true}, {2, false}, {6, false}}));

}  // namespace
}  // namespace joinery::compiler
