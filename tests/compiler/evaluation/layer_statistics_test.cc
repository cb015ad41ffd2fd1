#include "compiler/evaluation/layer_statistics.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <vector>

namespace joinery::compiler {
namespace {

using ::testing::DoubleNear;
using ::testing::ElementsAre;

TEST(LayerStatisticsTest, EnergiesAreSumsOfSquares) {
  LayerStatistics statistics;
  statistics.Add({1, 3}, {3.0F, 4.0F, 0.0F}, {3.0F, 4.5F, 0.0F}, {3.0F, 4.0F, 2.0F}, {});
  EXPECT_THAT(statistics.signal, DoubleNear(25, 1e-6));
  EXPECT_THAT(statistics.inherited, DoubleNear(0.25, 1e-6));
  EXPECT_THAT(statistics.injected, DoubleNear(0.25 + 4, 1e-6));
  EXPECT_THAT(statistics.error, DoubleNear(4, 1e-6));
  EXPECT_EQ(statistics.min, 0);
  EXPECT_EQ(statistics.max, 4);
  EXPECT_EQ(statistics.values, 3);
  EXPECT_EQ(statistics.saturated, 0);
}

TEST(LayerStatisticsTest, ValuesBeyondTheRangeAreSaturatedAsTheQuantizationSeesThem) {
  LayerStatistics statistics;
  StatisticsOptions options;
  options.has_range = true;
  options.low = -1;
  options.high = 2;
  // It is the isolated tensor that is quantized, not the float one.
  statistics.Add({4}, {9.0F, 0.0F, 0.0F, 0.0F}, {0.0F, -1.5F, 2.0F, 3.0F}, {0.0F, -1.0F, 2.0F, 2.0F}, options);
  EXPECT_EQ(statistics.saturated, 2);
}

TEST(LayerStatisticsTest, LongTensorsLoseNoDigits) {
  const size_t count = 1'000'003;
  const std::vector<float> expected(count, 1.0F);
  const std::vector<float> isolated(count, 1.25F);
  const std::vector<float> quantized(count, 1.5F);
  LayerStatistics statistics;
  statistics.Add({static_cast<int64_t>(count)}, expected, isolated, quantized, {});
  EXPECT_THAT(statistics.signal, DoubleNear(1.0 * count, 1));
  EXPECT_THAT(statistics.error, DoubleNear(0.25 * count, 1));
  EXPECT_THAT(statistics.inherited, DoubleNear(0.0625 * count, 1));
  EXPECT_THAT(statistics.injected, DoubleNear(0.0625 * count, 1));
  EXPECT_THAT(statistics.cosine_sum, DoubleNear(1, 1e-6));
}

TEST(LayerStatisticsTest, ChannelsAreDimensionOneAndSurviveMerging) {
  StatisticsOptions options;
  options.by_channel = true;
  const std::vector<float> first = {1, -2, 3, 0, 0.5F, 0.5F, 1, 1};
  LayerStatistics one;
  one.Add({2, 2, 1, 2}, first, first, first, options);
  EXPECT_THAT(one.channel_magnitudes, ElementsAre(2, 3));
  const std::vector<float> second = {-7, 0, 0, 0};
  LayerStatistics other;
  other.Add({1, 2, 1, 2}, second, second, second, options);
  one.Merge(other);
  EXPECT_THAT(one.channel_magnitudes, ElementsAre(7, 3));
  EXPECT_EQ(one.samples, 2);
  EXPECT_EQ(one.values, 12);
  EXPECT_EQ(one.min, -7);
}

TEST(LayerStatisticsTest, SpreadIsLargestOverMedian) {
  EXPECT_EQ(Spread({1, 40, 2}), 20);
  EXPECT_EQ(Spread({5}), 0);
  EXPECT_EQ(Spread({0, 0, 0}), 1);
  EXPECT_FLOAT_EQ(Spread({0, 0, 3}), 1000);
}

}  // namespace
}  // namespace joinery::compiler
