#include "compiler/evaluation/compare.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <cmath>
#include <vector>

namespace joinery::compiler {
namespace {

using ::testing::DoubleNear;

TEST(CompareTest, EqualTensorsAreAsNearAsCanBe) {
  Comparison comparison;
  comparison.Add({1.0F, -2.0F}, {1.0F, -2.0F});
  EXPECT_THAT(comparison.cosine_mean(), DoubleNear(1, 1e-12));
  EXPECT_EQ(comparison.relative_error(), 0);
  EXPECT_EQ(comparison.sqnr_db(), 200);
}

TEST(CompareTest, FiguresAreTheTextbooks) {
  Comparison comparison;
  comparison.Add({3.0F, 4.0F}, {4.0F, 3.0F});
  EXPECT_THAT(comparison.cosine_mean(), DoubleNear(24.0 / 25.0, 1e-12));
  EXPECT_THAT(comparison.relative_error(), DoubleNear(std::sqrt(2.0) / 5, 1e-12));
  EXPECT_THAT(comparison.sqnr_db(), DoubleNear(10 * std::log10(25.0 / 2), 1e-12));
}

TEST(CompareTest, TheLeastCosineOfAllSamplesIsKept) {
  Comparison comparison;
  comparison.Add({1.0F, 0.0F}, {1.0F, 0.0F});
  comparison.Add({1.0F, 0.0F}, {0.0F, 1.0F});
  EXPECT_THAT(comparison.cosine_mean(), DoubleNear(0.5, 1e-12));
  EXPECT_THAT(comparison.cosine_min(), DoubleNear(0, 1e-12));
  EXPECT_EQ(comparison.samples(), 2);
}

TEST(CompareTest, ZerosDoNotDivide) {
  Comparison both;
  both.Add({0.0F}, {0.0F});
  EXPECT_EQ(both.cosine_mean(), 1);
  Comparison one;
  one.Add({0.0F}, {1.0F});
  EXPECT_EQ(one.cosine_mean(), 0);
  EXPECT_EQ(one.sqnr_db(), -200);
}

}  // namespace
}  // namespace joinery::compiler
