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

TEST(HistogramTest, SparseCountingKeepsTheExtremesOfAll) {
  std::vector<float> values(1000, 0.25F);
  values[1] = -3;
  values[998] = 5;
  values[500] = 0;
  values[501] = std::numeric_limits<float>::infinity();
  Histogram histogram;
  histogram.AddSparsely(values, 10);
  EXPECT_EQ(histogram.min(), -3);
  EXPECT_EQ(histogram.max(), 5);
  EXPECT_EQ(histogram.not_finite(), 1);
  // Every tenth value: one of them is the zero, none an extreme.
  EXPECT_EQ(histogram.count(), 100);
  EXPECT_EQ(histogram.zeros(), 1);
  std::vector<float> counted(99, 0.25F);
  EXPECT_THAT(histogram.bins(), ElementsAreArray(CountSlowly(counted, histogram.bin_width())));
  // There is room for what was not counted.
  EXPECT_GT(histogram.bin_width() * kZeroBin, 5);
}

TEST(HistogramTest, AStepOfOneCountsAll) {
  const std::vector<float> values = RandomValues(1000, 1, 5);
  Histogram all;
  all.Add(values);
  Histogram histogram;
  histogram.AddSparsely(values, 1);
  EXPECT_EQ(histogram.count(), 1000);
  EXPECT_THAT(histogram.bins(), ElementsAreArray(all.bins()));
}

TEST(HistogramTest, IntervalsAreSpreadOverTheBinsTheyCover) {
  const std::vector<Histogram::Interval> intervals = {
      {0, 1, 4096}, {-1, -0.5, 1024}, {0.5, 0.5, 7}, {0.25, 0.25 + 4.0 / 4096, 10}};
  const Histogram histogram = Histogram::FromIntervals(intervals, -1, 1, 11);
  ASSERT_EQ(histogram.bin_width(), 1.0 / 2048);
  EXPECT_EQ(histogram.count(), 4096 + 1024 + 7 + 10 + 11);
  EXPECT_EQ(histogram.zeros(), 11);
  EXPECT_EQ(histogram.min(), -1);
  EXPECT_EQ(histogram.max(), 1);
  std::vector<uint64_t> expected(Histogram::kBins);
  for (int bin = 0; bin < 2048; ++bin) expected[static_cast<size_t>(kZeroBin + bin)] = 2;
  for (int bin = -2048; bin < -1024; ++bin) expected[static_cast<size_t>(kZeroBin + bin)] = 1;
  expected[static_cast<size_t>(kZeroBin + 1024)] += 7;
  for (int bin = 512; bin < 514; ++bin) expected[static_cast<size_t>(kZeroBin + bin)] += 5;
  EXPECT_THAT(histogram.bins(), ElementsAreArray(expected));
}

TEST(HistogramTest, NothingIsLostWhereAnIntervalDoesNotDivideEvenly) {
  const std::vector<Histogram::Interval> intervals = {{0.1, 0.9, 1234567}, {-0.7, 0.9, 3}, {0.9, 0.9, 1}};
  const Histogram histogram = Histogram::FromIntervals(intervals, -0.7F, 0.9F, 0);
  EXPECT_EQ(histogram.count(), 1234571);
  EXPECT_EQ(std::accumulate(histogram.bins().begin(), histogram.bins().end(), uint64_t{0}), 1234571);
}

TEST(HistogramTest, IntervalsOfOnlyZeros) {
  const Histogram histogram = Histogram::FromIntervals({}, 0, 0, 5);
  EXPECT_EQ(histogram.count(), 5);
  EXPECT_EQ(histogram.max(), 0);
}

}  // namespace
}  // namespace joinery::compiler
