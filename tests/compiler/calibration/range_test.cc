#include "compiler/calibration/range.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <algorithm>
#include <array>
#include <cmath>
#include <random>
#include <vector>

#include "compiler/calibration/range_entropy.h"
#include "compiler/calibration/range_least_squares.h"
#include "compiler/calibration/range_min_max.h"
#include "compiler/calibration/range_moving_average.h"
#include "compiler/calibration/range_percentile.h"
#include "compiler/quantization/quantize.h"

namespace joinery::compiler {
namespace {

// The mean squared error of quantizing the values themselves.
double SquaredError(const std::vector<float>& values, const Range& range) {
  const QuantizationParameters parameters = ParametersFor(range, 8);
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

TEST(RangeTest, LeastSquaresOf16BitsCutsOffAlmostNothing) {
  const Range whole = MinMaxRange(Observe(Laplace(20000)));
  const Range range = LeastSquaresRange(Observe(Laplace(20000)), 65536);
  EXPECT_GE(range.max, whole.max * 0.99);
  EXPECT_LE(range.min, whole.min * 0.99);
}

TEST(RangeTest, PercentileLeavesOutTheSameShareAtBothEnds) {
  std::vector<float> values(20000);
  for (size_t i = 0; i < values.size(); ++i) values[i] = static_cast<float>(i) / 10000.0F - 0.5F;
  const Range range = PercentileRange(Observe(values), 90);
  EXPECT_NEAR(range.min, -0.4, 0.001);
  EXPECT_NEAR(range.max, 1.4, 0.001);
  const Range all = PercentileRange(Observe(values), 100);
  EXPECT_FLOAT_EQ(all.min, -0.5F);
  EXPECT_FLOAT_EQ(all.max, 1.4999F);
}

TEST(RangeTest, PercentileOfASparseTensorLooksAtWhatIsNotZero) {
  std::vector<float> values(1000000);
  for (size_t i = 1; i <= 10; ++i) values[i] = static_cast<float>(i);
  EXPECT_NEAR(PercentileRange(Observe(values), 99).max, 10, 0.1);
  EXPECT_EQ(PercentileRange(Observe(values), 99).min, 0);
}

TEST(RangeTest, MovingAverageOfFewSamplesIsAboutTheirMean) {
  std::vector<Range> samples;
  for (int i = 0; i < 10; ++i) samples.push_back({-1.0F - static_cast<float>(i % 2), 3});
  const Range range = MovingAverageRange(samples);
  EXPECT_NEAR(range.min, -1.5, 0.01);
  EXPECT_FLOAT_EQ(range.max, 3);
}

TEST(RangeTest, MovingAverageForgets) {
  std::vector<Range> samples(1000, {0, 100});
  samples.resize(2000, {0, 1});
  EXPECT_NEAR(MovingAverageRange(samples).max, 1, 0.01);
}

TEST(RangeTest, MovingAverageHoldsZero) {
  const Range range = MovingAverageRange(std::vector<Range>{{2, 4}, {3, 5}});
  EXPECT_EQ(range.min, 0);
  EXPECT_NEAR(range.max, 4.5, 0.01);
  EXPECT_EQ(MovingAverageRange({}).max, 0);
}

// Kullback and Leibler's divergence by the definition in range_entropy.h, one bin after the other.
double Divergence(const Histogram& histogram, const Range& range, int levels) {
  const double scale = (static_cast<double>(range.max) - range.min) / (levels - 1);
  const double zero_point = std::nearbyint(-range.min / scale);
  const auto level_of = [&](int bin) {
    const double center = (bin + 0.5 - Histogram::kBins / 2) * histogram.bin_width();
    return std::nearbyint(center / scale) + zero_point;
  };
  std::vector<double> reference(Histogram::kBins);
  std::vector<double> mass(static_cast<size_t>(levels));
  int first = -1;
  int last = -1;
  for (int bin = 0; bin < Histogram::kBins; ++bin) {
    if (level_of(bin) < 0 || level_of(bin) >= levels) continue;
    if (first < 0) first = bin;
    last = bin;
  }
  double total = 0;
  double inside = 0;
  for (int bin = 0; bin < Histogram::kBins; ++bin) {
    const auto n = static_cast<double>(histogram.bins()[static_cast<size_t>(bin)]);
    reference[static_cast<size_t>(std::clamp(bin, first, last))] += n;
    total += n;
    if (bin < first || bin > last) continue;
    mass[static_cast<size_t>(level_of(bin))] += n;
    inside += n;
  }
  std::vector<double> occupied(static_cast<size_t>(levels));
  for (int bin = first; bin <= last; ++bin) {
    if (reference[static_cast<size_t>(bin)] > 0) ++occupied[static_cast<size_t>(level_of(bin))];
  }
  double divergence = 0;
  for (int bin = first; bin <= last; ++bin) {
    const double p = reference[static_cast<size_t>(bin)] / total;
    const auto level = static_cast<size_t>(level_of(bin));
    if (p > 0) divergence += p * std::log(p / (mass[level] / occupied[level] / inside));
  }
  // What chance adds.
  for (size_t level = 0; level < mass.size(); ++level) {
    if (mass[level] == 0) continue;
    divergence -= (occupied[level] - 1) * 0.5 * (1 - std::exp(-0.8 * (mass[level] / occupied[level] - 1))) / total;
  }
  return divergence;
}

TEST(RangeTest, EntropyDivergesLessThanAnyOtherRange) {
  for (const bool is_positive : {false, true}) {
    std::vector<float> values = Laplace(200000);
    for (float& value : values)
      value = is_positive ? std::max(value, 0.0F) : value * std::fabs(value) * (value < 0 ? 0.3F : 1.0F);
    const Histogram histogram = Observe(values);
    const Range whole = MinMaxRange(histogram);
    const Range best = EntropyRange(histogram, 256);
    const double least = Divergence(histogram, best, 256);
    EXPECT_LT(least, (is_positive ? 1.5 : 0.5) * Divergence(histogram, whole, 256));
    for (double lower = 0.1; lower <= 1; lower += 0.1) {
      for (double upper = 0.1; upper <= 1; upper += 0.1) {
        const Range tried{static_cast<float>(whole.min * lower), static_cast<float>(whole.max * upper)};
        // In the tails, one bin more or less makes a difference.
        EXPECT_LE(least, Divergence(histogram, tried, 256) + 3e-4) << lower << " " << upper;
      }
    }
  }
}

TEST(RangeTest, EntropyOfValuesFarApartIsRuledByWhereTheyAre) {
  std::vector<float> values = Laplace(100000);
  for (float& value : values) value = std::clamp(value, -1.0F, 1.0F);
  values.push_back(1000);
  // One outlier is worth no step between the others; no range may end in the gap between.
  EXPECT_LE(EntropyRange(Observe(values), 256).max, 1.5);
}

TEST(RangeTest, EntropyIsTheSameForSparseTensors) {
  std::vector<float> values = Laplace(5000);
  const Range range = EntropyRange(Observe(values), 256);
  values.resize(100000);
  EXPECT_EQ(EntropyRange(Observe(values), 256).max, range.max);
}

TEST(RangeTest, EntropyOf16BitsCutsOffNothing) {
  const Histogram histogram = Observe(Laplace(20000));
  EXPECT_EQ(EntropyRange(histogram, 65536).max, MinMaxRange(histogram).max);
}

TEST(RangeTest, EntropyOfOneSideHoldsZero) {
  EXPECT_EQ(EntropyRange(Observe({-2.0F, -3.0F, -3.5F}), 256).max, 0);
  EXPECT_EQ(EntropyRange(Observe({2.0F, 3.0F, 3.5F}), 256).min, 0);
}

constexpr std::array kMethods = {v1::RANGE_METHOD_UNSPECIFIED, v1::RANGE_METHOD_MIN_MAX,
                                 v1::RANGE_METHOD_MSE,         v1::RANGE_METHOD_PERCENTILE,
                                 v1::RANGE_METHOD_ENTROPY,     v1::RANGE_METHOD_MOVING_AVERAGE};

TEST(RangeTest, NoValuesOrOnlyZerosGiveAnEmptyRange) {
  for (const std::vector<float>& values : {std::vector<float>{}, std::vector<float>{0.0F}}) {
    for (const v1::RangeMethod method : kMethods) {
      const Range range = ChooseRange(Observe(values), {}, {.method = method});
      EXPECT_EQ(range.min, 0);
      EXPECT_EQ(range.max, 0);
    }
  }
}

TEST(RangeTest, EveryMethodStaysWithinTheExtremes) {
  const std::vector<float> values = Laplace(3000);
  const Histogram histogram = Observe(values);
  for (const v1::RangeMethod method : kMethods) {
    for (const int levels : {256, 65536}) {
      const Range range = ChooseRange(histogram, {}, {.method = method, .levels = levels, .percentile = 99});
      EXPECT_GE(range.min, histogram.min()) << method;
      EXPECT_LE(range.max, histogram.max()) << method;
      EXPECT_LT(range.min, 0) << method;
      EXPECT_GT(range.max, 0) << method;
    }
  }
}

TEST(RangeTest, EveryMethodIsTheOneAskedFor) {
  const Histogram histogram = Observe(Laplace(3000));
  const std::vector<Range> samples = {{-1, 2}};
  EXPECT_EQ(ChooseRange(histogram, samples, {.method = v1::RANGE_METHOD_MOVING_AVERAGE}).max, 2);
  EXPECT_EQ(ChooseRange(histogram, samples, {.method = v1::RANGE_METHOD_MIN_MAX}).max, histogram.max());
  EXPECT_EQ(ChooseRange(histogram, samples, {.method = v1::RANGE_METHOD_PERCENTILE}).max,
            PercentileRange(histogram, kDefaultPercentile).max);
  EXPECT_EQ(ChooseRange(histogram, samples, {.method = v1::RANGE_METHOD_ENTROPY}).max,
            EntropyRange(histogram, 256).max);
  EXPECT_GE(ChooseRange(histogram, samples, {}).max, LeastSquaresRange(histogram, 256).max);
}

// Samples whose largest values are 1 and 2 by turns, and smallest -1: others may reach 2.5.
TEST(ChooseRangeTest, FewSamplesAreNotTakenForAll) {
  const Histogram histogram = Observe({-1, -0.5, 0.25, 0.5, 1, 1.5, 2});
  const Range fitted = LeastSquaresRange(histogram, 256);
  const auto with = [&](size_t count) {
    std::vector<Range> samples;
    for (size_t i = 0; i < count; ++i) samples.push_back({-1, i % 2 == 0 ? 1.0F : 2.0F});
    return ChooseRange(histogram, samples, {});
  };
  EXPECT_FLOAT_EQ(with(2).max, 2.5F);
  EXPECT_FLOAT_EQ(with(6).max, fitted.max + (2.5F - fitted.max) / 4);
  EXPECT_EQ(with(30).max, fitted.max);
  // Below, all samples agree.
  EXPECT_FLOAT_EQ(with(2).min, -1);
  EXPECT_EQ(ChooseRange(histogram, {}, {}).max, fitted.max);
}

}  // namespace
}  // namespace joinery::compiler
