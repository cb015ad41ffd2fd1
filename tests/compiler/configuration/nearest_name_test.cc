#include "compiler/configuration/nearest_name.h"

#include <gtest/gtest.h>

namespace joinery::compiler {
namespace {

TEST(NearestNameTest, DistanceCountsEditsAndSwaps) {
  EXPECT_EQ(EditDistance("slope", "slope"), 0);
  EXPECT_EQ(EditDistance("SLOPE", "slope"), 0);
  EXPECT_EQ(EditDistance("slpoe", "slope"), 1);
  EXPECT_EQ(EditDistance("slop", "slope"), 1);
  EXPECT_EQ(EditDistance("kitten", "sitting"), 3);
  EXPECT_EQ(EditDistance("", "abc"), 3);
}

TEST(NearestNameTest, SuggestsTheNearestOrListsAll) {
  EXPECT_EQ(SuggestName("meann", {"std", "mean"}), "did you mean \"mean\"?");
  EXPECT_EQ(SuggestName("something", {"std", "mean"}), "known are std, mean");
  EXPECT_EQ(SuggestName(std::string(1'000'000, 'x'), {"std", "mean"}), "known are std, mean");
  EXPECT_EQ(SuggestName("x", {}), "");
}

}  // namespace
}  // namespace joinery::compiler
