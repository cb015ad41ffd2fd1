#include "compiler/quantization/quantize.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <cmath>
#include <limits>
#include <vector>

namespace joinery::compiler {
namespace {

using ::testing::ElementsAre;
using ::testing::FloatNear;

TEST(QuantizeTest, ZeroHasANumberOfItsOwn) {
  for (const Range range : {Range{-1.0F, 3.1F}, Range{0.0F, 6.0F}, Range{-2.0F, 0.0F}, Range{-0.001F, 1000.0F}}) {
    const QuantizationParameters parameters = ParametersFor(range, 8);
    EXPECT_GE(parameters.zero_point, 0);
    EXPECT_LE(parameters.zero_point, 255);
    EXPECT_EQ(QuantizeToUint8({0.0F}, parameters).front(), parameters.zero_point);
  }
}

TEST(QuantizeTest, TheRangeIsCoveredUpToHalfAStep) {
  const Range range{-1.3F, 2.9F};
  const QuantizationParameters parameters = ParametersFor(range, 8);
  const auto dequantize = [&](uint8_t q) { return static_cast<float>(q - parameters.zero_point) * parameters.scale; };
  EXPECT_THAT(dequantize(0), FloatNear(range.min, parameters.scale * 0.501F));
  EXPECT_THAT(dequantize(255), FloatNear(range.max, parameters.scale * 0.501F));
}

TEST(QuantizeTest, AnEmptyOrTinyRangeGivesAUsableScale) {
  EXPECT_EQ(ParametersFor({0, 0}, 8).scale, 1);
  EXPECT_EQ(ParametersFor({0, std::numeric_limits<float>::denorm_min()}, 8).scale, 1);
}

TEST(QuantizeTest, TiesRoundToEvenAndTheRestIsCutOff) {
  EXPECT_THAT(QuantizeToUint8({0.5F, 1.5F, 2.5F, -7.0F, 300.0F}, {1.0F, 3}), ElementsAre(3, 5, 5, 0, 255));
}

TEST(QuantizeTest, EachChannelOfWeightsHasItsOwnScale) {
  // Channels along axis 1 of a 2x2x1 tensor.
  const std::vector<float> weights = {1.27F, -254.0F, 0.64F, 127.0F};
  const ChannelView view = ViewByChannel({2, 2, 1}, 1);
  const QuantizedWeights quantized = QuantizeWeights(weights, view, {});
  EXPECT_THAT(quantized.scales, ElementsAre(FloatNear(0.01F, 1e-6F), FloatNear(2.0F, 1e-6F)));
  EXPECT_THAT(quantized.values, ElementsAre(127, -127, 64, 64));
}

TEST(QuantizeTest, NegativeAxisMeansOneScaleForAll) {
  const QuantizedWeights quantized = QuantizeWeights({1.0F, -2.0F, 127.0F}, ViewByChannel({3, 1}, -1), {});
  EXPECT_THAT(quantized.scales, ElementsAre(1.0F));
  EXPECT_THAT(quantized.values, ElementsAre(1, -2, 127));
}

TEST(QuantizeTest, AChannelOfZerosGetsScaleOne) {
  EXPECT_THAT(QuantizeWeights({0.0F, 0.0F}, ViewByChannel({1, 2}, 0), {}).scales, ElementsAre(1.0F));
}

TEST(QuantizeTest, ABiasOfAChannelWithTinyWeightsStillFits) {
  // Without the smallest scale the bias would be 1e12 units.
  const float smallest = 1.0F / static_cast<float>(1 << 30);
  const QuantizedWeights quantized = QuantizeWeights({1e-12F}, ViewByChannel({1, 1}, 0), {smallest});
  EXPECT_EQ(quantized.scales.front(), smallest);
  EXPECT_THAT(QuantizeBias({1.0F}, quantized.scales), ElementsAre(1 << 30));
}

TEST(QuantizeTest, ABiasBeyond32BitsIsClampedNotWrapped) {
  EXPECT_THAT(QuantizeBias({1.0F, -1.0F}, {1e-12F, 1e-12F}),
              ElementsAre(std::numeric_limits<int32_t>::max(), std::numeric_limits<int32_t>::min()));
}

}  // namespace
}  // namespace joinery::compiler
