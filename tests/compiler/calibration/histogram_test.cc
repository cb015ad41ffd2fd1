#include "compiler/calibration/histogram.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <cmath>
#include <limits>
#include <numeric>
#include <random>
#include <vector>

namespace joinery::compiler {
namespace {

using ::testing::ElementsAreArray;

constexpr int kZeroBin = Histogram::kBins / 2;

std::vector<float> RandomValues(size_t count, float scale, uint32_t seed) {
  std::mt19937 generator(seed);
  std::normal_distribution<float> normal(0, scale);
  std::vector<float> values(count);
  for (float& value : values) value = normal(generator);
  return values;
}

// How many values each bin should hold, counted one by one in double precision.
std::vector<uint64_t> CountSlowly(const std::vector<float>& values, double width) {
  std::vector<uint64_t> bins(Histogram::kBins);
  for (const float value : values) {
    if (value != 0) ++bins[static_cast<size_t>(std::floor(value / width) + kZeroBin)];
  }
  return bins;
}

TEST(HistogramTest, CountsEveryValueInItsBin) {
  std::vector<float> values = RandomValues(5000, 3, 1);
  values.push_back(0);
  values.push_back(-0.0F);
  Histogram histogram;
  histogram.Add(values);
  EXPECT_EQ(histogram.count(), 5002);
  EXPECT_EQ(histogram.zeros(), 2);
  EXPECT_THAT(histogram.bins(), ElementsAreArray(CountSlowly(values, histogram.bin_width())));
}

TEST(HistogramTest, DoesNotDependOnOrderOrOnHowTheWorkIsShared) {
  const std::vector<float> small = RandomValues(3000, 0.01F, 2);
  const std::vector<float> large = RandomValues(3000, 700, 3);
  const std::vector<float> middle = RandomValues(3000, 1, 4);
  Histogram all;
  for (const auto& values : {small, large, middle}) all.Add(values);
  Histogram other_order;
  for (const auto& values : {large, middle, small}) other_order.Add(values);
  Histogram merged;
  Histogram part;
  merged.Add(middle);
  part.Add(large);
  part.Add(small);
  merged.Merge(part);
  for (const Histogram& histogram : {other_order, merged}) {
    EXPECT_EQ(histogram.bin_width(), all.bin_width());
    EXPECT_THAT(histogram.bins(), ElementsAreArray(all.bins()));
    EXPECT_EQ(histogram.min(), all.min());
    EXPECT_EQ(histogram.max(), all.max());
  }
}

TEST(HistogramTest, UsesAtLeastAQuarterOfItsBins) {
  for (const float largest : {1e-30F, 0.9F, 1.0F, 1.1F, 3e30F}) {
    Histogram histogram;
    histogram.Add({largest});
    EXPECT_GE(largest / histogram.bin_width(), Histogram::kBins / 4) << largest;
    EXPECT_EQ(std::accumulate(histogram.bins().begin(), histogram.bins().end(), uint64_t{0}), 1) << largest;
  }
}

TEST(HistogramTest, WhatIsNotFiniteIsCountedApart) {
  Histogram histogram;
  histogram.Add({1.0F, std::numeric_limits<float>::quiet_NaN(), -std::numeric_limits<float>::infinity(), -2.0F});
  EXPECT_EQ(histogram.count(), 2);
  EXPECT_EQ(histogram.not_finite(), 2);
  EXPECT_EQ(histogram.min(), -2);
  EXPECT_EQ(histogram.max(), 1);
  EXPECT_EQ(std::accumulate(histogram.bins().begin(), histogram.bins().end(), uint64_t{0}), 2);
}

TEST(HistogramTest, NothingAndOnlyZerosAreFine) {
  Histogram histogram;
  histogram.Add({});
  EXPECT_EQ(histogram.count(), 0);
  histogram.Add({0.0F, 0.0F});
  histogram.Merge(Histogram());
  EXPECT_EQ(histogram.count(), 2);
  EXPECT_EQ(histogram.max(), 0);
}

}  // namespace
}  // namespace joinery::compiler
