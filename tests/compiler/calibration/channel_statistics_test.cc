#include "compiler/calibration/channel_statistics.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <algorithm>
#include <array>
#include <cmath>
#include <limits>
#include <numeric>
#include <random>
#include <vector>

namespace joinery::compiler {
namespace {

using ::testing::ElementsAre;
using ::testing::ElementsAreArray;

constexpr float kInfinity = std::numeric_limits<float>::infinity();
constexpr float kNan = std::numeric_limits<float>::quiet_NaN();

// All that can be asked of them.
void ExpectSame(const ChannelStatistics& one, const ChannelStatistics& other) {
  ASSERT_EQ(one.channels(), other.channels());
  EXPECT_EQ(one.not_finite(), other.not_finite());
  for (int64_t channel = 0; channel < one.channels(); ++channel) {
    EXPECT_EQ(one.min(channel), other.min(channel));
    EXPECT_EQ(one.max(channel), other.max(channel));
    // Every channel by itself: the others are too small to matter.
    std::vector<float> factors(static_cast<size_t>(one.channels()), 1e-30F);
    factors[static_cast<size_t>(channel)] = 1;
    const Histogram left = one.Merged(factors);
    const Histogram right = other.Merged(factors);
    EXPECT_EQ(left.count(), right.count());
    EXPECT_EQ(left.zeros(), right.zeros());
    EXPECT_EQ(left.bin_width(), right.bin_width());
    EXPECT_THAT(left.bins(), ElementsAreArray(right.bins())) << channel;
  }
}

// Samples of [1, 3, 5], of all magnitudes; the first channel has no negative values, the second some at times, the last
// is often zero.
std::vector<std::vector<float>> RandomSamples(size_t count, uint32_t seed) {
  std::mt19937 generator(seed);
  std::normal_distribution<float> normal;
  std::vector<std::vector<float>> samples(count);
  for (size_t i = 0; i < count; ++i) {
    const float scale = std::pow(7.0F, static_cast<float>(generator() % 9) - 4);
    for (size_t j = 0; j < 15; ++j) {
      const float value = normal(generator) * scale;
      const bool may_be_negative = j >= 10 || (j >= 5 && generator() % 8 == 0);
      samples[i].push_back(j >= 10 && generator() % 2 == 0 ? 0 : may_be_negative ? value : std::fabs(value));
    }
  }
  return samples;
}

TEST(ChannelStatisticsTest, DoesNotDependOnOrderOrOnHowTheWorkIsShared) {
  for (uint32_t seed = 0; seed < 40; ++seed) {
    std::vector<std::vector<float>> samples = RandomSamples(1 + seed % 7, seed);
    ChannelStatistics expected(3);
    for (const std::vector<float>& sample : samples) expected.Add(sample, 1, 5);
    std::mt19937 generator(seed);
    std::shuffle(samples.begin(), samples.end(), generator);
    std::array<ChannelStatistics, 3> parts = {ChannelStatistics(3), ChannelStatistics(3), ChannelStatistics(3)};
    for (const std::vector<float>& sample : samples) parts[generator() % 3].Add(sample, 1, 5);
    parts[1].Merge(parts[2]);
    parts[0].Merge(parts[1]);
    ExpectSame(parts[0], expected);
  }
}

TEST(ChannelStatisticsTest, ChannelsThatBecomeSignedAreAsIfTheyAlwaysHadBeen) {
  // Positive and negative values, each side the larger one once, and both too small for an exponent of their own.
  const std::vector<std::array<float, 2>> pairs = {{0.7F, -0.01F}, {0.01F, -0.7F}, {3, -3}, {1e-38F, -2e-38F},
                                                   {2, -1e6F},     {1e6F, -2},     {4, -4}, {0, -1}};
  for (const auto& [positive, negative] : pairs) {
    ChannelStatistics expected(1);
    expected.Add({negative, positive}, 1, 2);
    ChannelStatistics first_positive(1);
    first_positive.Add({positive}, 1, 1);
    first_positive.Add({negative}, 1, 1);
    ExpectSame(first_positive, expected);

    ChannelStatistics one(1);
    ChannelStatistics other(1);
    one.Add({positive}, 1, 1);
    other.Add({negative}, 1, 1);
    ChannelStatistics merged = one;
    merged.Merge(other);
    ExpectSame(merged, expected);
    other.Merge(one);
    ExpectSame(other, expected);
  }
}

TEST(ChannelStatisticsTest, ChannelsMayBeTheLastDimension) {
  // Three positions of two channels.
  ChannelStatistics last(2);
  const ChannelSums sums = last.Add({1, -10, 2, -20, 3, 0}, 3, 1);
  EXPECT_THAT(sums.sum, ElementsAre(6, -30));
  EXPECT_THAT(sums.sum_of_squares, ElementsAre(14, 500));
  EXPECT_THAT(sums.peak, ElementsAre(3, 20));
  EXPECT_EQ(sums.count, 3);
  EXPECT_EQ(sums.min, -20);
  EXPECT_EQ(sums.max, 3);
  ChannelStatistics middle(2);
  const ChannelSums same = middle.Add({1, 2, 3, -10, -20, 0}, 1, 3);
  EXPECT_THAT(same.sum, ElementsAre(6, -30));
  ExpectSame(last, middle);
}

TEST(ChannelStatisticsTest, SumsAddUp) {
  ChannelStatistics statistics(2);
  ChannelSums sums = statistics.Add({1, -2}, 1, 1);
  sums.Add(statistics.Add({-4, 1}, 1, 1));
  EXPECT_THAT(sums.sum, ElementsAre(-3, -1));
  EXPECT_THAT(sums.sum_of_squares, ElementsAre(17, 5));
  EXPECT_THAT(sums.peak, ElementsAre(5, 3));
  EXPECT_EQ(sums.count, 2);
  EXPECT_EQ(sums.min, -4);
  EXPECT_EQ(sums.max, 1);
}

TEST(ChannelStatisticsTest, ExtremesAreExactWhereOnlyAPartIsCounted) {
  // Far more positions than are counted, and no multiple of anything.
  constexpr size_t kPositions = 50021;
  std::vector<float> values(2 * kPositions, 0.5F);
  for (const size_t spike : {size_t{1}, size_t{8191}, kPositions - 1}) {
    values[spike] = 1.25F;
    values[kPositions + spike] = -77;
    ChannelStatistics statistics(2);
    statistics.Add(values, 1, kPositions);
    EXPECT_EQ(statistics.max(0), 1.25F);
    EXPECT_EQ(statistics.min(1), -77);
    const Histogram merged = statistics.Merged({});
    EXPECT_EQ(merged.min(), -77);
    EXPECT_EQ(merged.max(), 1.25F);
    EXPECT_GE(merged.count(), 64);
    EXPECT_LT(merged.count(), 2 * static_cast<int64_t>(kPositions) / 2);
    values[spike] = values[kPositions + spike] = 0.5F;
  }
}

TEST(ChannelStatisticsTest, FactorsActAsIfTheValuesHadBeenMultiplied) {
  std::mt19937 generator(3);
  std::normal_distribution<float> normal;
  const std::vector<float> factors = {1, 3.3F, 0.02F};
  std::vector<float> values(3 * 128);
  std::vector<float> multiplied(values.size());
  for (size_t i = 0; i < values.size(); ++i) {
    values[i] = i % 10 == 0 ? 0 : normal(generator) * (i < 128 ? 1.0F : i < 256 ? 0.3F : 50.0F);
    multiplied[i] = values[i] * factors[i / 128];
  }
  ChannelStatistics statistics(3);
  statistics.Add(values, 1, 128);
  Histogram expected;
  expected.Add(multiplied);
  const Histogram merged = statistics.Merged(factors);
  EXPECT_EQ(merged.min(), expected.min());
  EXPECT_EQ(merged.max(), expected.max());
  EXPECT_EQ(merged.count(), expected.count());
  EXPECT_EQ(merged.zeros(), expected.zeros());
  ASSERT_EQ(merged.bin_width(), expected.bin_width());
  // Up to any value both have counted the same, but for those within a channel's bin there.
  int64_t of_merged = 0;
  int64_t of_expected = 0;
  for (size_t bin = 0; bin < Histogram::kBins; ++bin) {
    of_merged += static_cast<int64_t>(merged.bins()[bin]);
    of_expected += static_cast<int64_t>(expected.bins()[bin]);
    EXPECT_NEAR(static_cast<double>(of_merged), static_cast<double>(of_expected), 15) << bin;
  }
}

TEST(ChannelStatisticsTest, WhatIsNotFiniteIsCountedAndOtherwiseLeftOut) {
  std::vector<float> values(3 * 20, 1);
  values[3] = kNan;
  values[4] = -kInfinity;
  values[19] = kInfinity;
  // A channel without any value.
  std::fill(values.begin() + 40, values.end(), -kInfinity);
  ChannelStatistics statistics(3);
  const ChannelSums sums = statistics.Add(values, 1, 20);
  EXPECT_EQ(statistics.not_finite(), 23);
  EXPECT_THAT(sums.sum, ElementsAre(17, 20, 0));
  EXPECT_THAT(sums.peak, ElementsAre(1, 1, 0));
  EXPECT_EQ(statistics.min(0), 1);
  EXPECT_EQ(statistics.max(0), 1);
  EXPECT_EQ(statistics.max(2), 0);
  EXPECT_EQ(statistics.Merged({}).count(), 37);
  ChannelStatistics other(3);
  other.Merge(statistics);
  EXPECT_EQ(other.not_finite(), 23);
}

TEST(ChannelStatisticsTest, AChannelThatIsZeroAtTimesIsResolvedAsFinely) {
  ChannelStatistics statistics(1);
  statistics.Add({0, 0}, 1, 2);
  statistics.Add({0.0001F, 0.0009F}, 1, 2);
  const Histogram merged = statistics.Merged({});
  // Both values have places of their own.
  const size_t middle = Histogram::kBins / 2 + static_cast<size_t>(0.0005 / merged.bin_width());
  EXPECT_EQ(std::accumulate(merged.bins().begin(), merged.bins().begin() + static_cast<ptrdiff_t>(middle), uint64_t{0}),
            1);
  EXPECT_EQ(merged.zeros(), 2);
}

TEST(ChannelStatisticsTest, NothingSeenIsAnEmptyHistogram) {
  ChannelStatistics statistics(2);
  statistics.Add({}, 0, 4);
  EXPECT_EQ(statistics.Merged({}).count(), 0);
  EXPECT_EQ(statistics.min(0), 0);
}

}  // namespace
}  // namespace joinery::compiler
