#include "compiler/calibration/range.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <algorithm>
#include <cmath>
#include <random>
#include <vector>

#include "compiler/quantization/quantize.h"

namespace joinery::compiler {
namespace {

// The mean squared error of quantizing the values themselves.
double SquaredError(const std::vector<float>& values, const Range& range) {
  const QuantizationParameters parameters = ParametersForUint8(range);
  const std::vector<uint8_t> quantized = QuantizeToUint8(values, parameters);
  double sum = 0;
  for (size_t i = 0; i < values.size(); ++i) {
    const double back = static_cast<double>(quantized[i] - parameters.zero_point) * parameters.scale;
    sum += (values[i] - back) * (values[i] - back);
  }
  return sum / static_cast<double>(values.size());
}

Histogram Observe(const std::vector<float>& values) {
  Histogram histogram;
  histogram.Add(values);
  return histogram;
}

std::vector<float> Laplace(size_t count) {
  std::mt19937 generator(7);
  std::exponential_distribution<float> exponential(1);
  std::vector<float> values(count);
  for (float& value : values) value = exponential(generator) * ((generator() & 1U) != 0 ? 1.0F : -1.0F);
  return values;
}

TEST(RangeTest, MinMaxAlwaysHoldsZero) {
  const Range positive = MinMaxRange(Observe({2.0F, 5.0F}));
  EXPECT_EQ(positive.min, 0);
  EXPECT_EQ(positive.max, 5);
  const Range negative = MinMaxRange(Observe({-2.0F, -5.0F}));
  EXPECT_EQ(negative.min, -5);
  EXPECT_EQ(negative.max, 0);
}

TEST(RangeTest, LeastSquaresIsTheBestOfAllRangesTried) {
  const std::vector<float> values = Laplace(20000);
  const Range best = LeastSquaresRange(Observe(values), 256);
  const double least = SquaredError(values, best);
  for (double lower = 0.1; lower <= 1; lower += 0.1) {
    for (double upper = 0.1; upper <= 1; upper += 0.05) {
      const Range whole = MinMaxRange(Observe(values));
      const Range tried{static_cast<float>(whole.min * lower), static_cast<float>(whole.max * upper)};
      EXPECT_LE(least, SquaredError(values, tried) * 1.03) << lower << " " << upper;
    }
  }
  EXPECT_LT(least, SquaredError(values, MinMaxRange(Observe(values))));
}

TEST(RangeTest, EvenlySpreadValuesKeepTheirWholeRange) {
  std::vector<float> values(10000);
  for (size_t i = 0; i < values.size(); ++i) values[i] = static_cast<float>(i) / 1000.0F - 4;
  const Range range = LeastSquaresRange(Observe(values), 256);
  EXPECT_NEAR(range.min, -4, 0.1);
  EXPECT_NEAR(range.max, 6, 0.1);
}

TEST(RangeTest, ManyZerosDoNotPullTheRangeIn) {
  std::vector<float> values = Laplace(5000);
  for (float& value : values) value = std::max(value, 0.0F);
  std::vector<float> sparse = values;
  sparse.resize(values.size() * 20);
  EXPECT_EQ(LeastSquaresRange(Observe(values), 256).max, LeastSquaresRange(Observe(sparse), 256).max);
}

TEST(RangeTest, NoValuesOrOnlyZerosGiveAnEmptyRange) {
  for (const std::vector<float>& values : {std::vector<float>{}, std::vector<float>{0.0F}}) {
    const Range range = ChooseRange(Observe(values), v1::RANGE_METHOD_MSE, 256);
    EXPECT_EQ(range.min, 0);
    EXPECT_EQ(range.max, 0);
  }
}

}  // namespace
}  // namespace joinery::compiler
