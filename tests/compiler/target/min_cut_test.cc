#include "compiler/target/min_cut.h"

#include <gtest/gtest.h>

#include <limits>
#include <random>
#include <vector>

namespace joinery::compiler {
namespace {

TEST(MinCutTest, TakesTheCheaperSide) {
  MinCut cut(2);
  cut.AddNearCost(0, 3);
  cut.AddFarCost(0, 5);
  cut.AddNearCost(1, 5);
  cut.AddFarCost(1, 3);
  EXPECT_EQ(cut.Solve(), (std::vector<bool>{false, true}));
}

TEST(MinCutTest, KeepsTogetherWhatIsDearToSplit) {
  MinCut cut(2);
  cut.AddFarCost(0, 10);
  cut.AddNearCost(1, 3);
  cut.AddSplitCost(0, 1, 4);
  EXPECT_EQ(cut.Solve(), (std::vector<bool>{false, false}));
}

TEST(MinCutTest, OfEqualSolutionsFewAreFar) {
  MinCut cut(3);
  cut.AddNearCost(0, 2);
  cut.AddFarCost(0, 2);
  cut.AddNearCost(1, 1);
  EXPECT_EQ(cut.Solve(), (std::vector<bool>{false, true, false}));
}

// Whatever the costs, no other division is cheaper.
TEST(MinCutTest, IsTheCheapestOfAllDivisions) {
  std::mt19937 random(7);
  const auto up_to = [&](int most) { return static_cast<int>(random() % static_cast<unsigned>(most + 1)); };
  for (int round = 0; round < 200; ++round) {
    const int things = 1 + up_to(7);
    std::vector<int64_t> near_costs;
    std::vector<int64_t> far_costs;
    std::vector<std::vector<int64_t>> split_costs(static_cast<size_t>(things));
    MinCut cut(things);
    for (int i = 0; i < things; ++i) {
      near_costs.push_back(up_to(9));
      far_costs.push_back(up_to(9));
      cut.AddNearCost(i, near_costs.back());
      cut.AddFarCost(i, far_costs.back());
      for (int j = 0; j < things; ++j) {
        const int64_t cost = i == j || up_to(2) > 0 ? 0 : up_to(6);
        split_costs[static_cast<size_t>(i)].push_back(cost);
        cut.AddSplitCost(i, j, cost);
      }
    }
    const auto cost_of = [&](unsigned far) {
      int64_t cost = 0;
      for (size_t i = 0; i < near_costs.size(); ++i) {
        const bool i_is_far = (far >> i & 1U) != 0;
        cost += i_is_far ? far_costs[i] : near_costs[i];
        for (size_t j = 0; j < near_costs.size(); ++j) {
          if (!i_is_far && (far >> j & 1U) != 0) cost += split_costs[i][j];
        }
      }
      return cost;
    };
    const std::vector<bool> solution = cut.Solve();
    unsigned chosen = 0;
    for (size_t i = 0; i < solution.size(); ++i) chosen |= solution[i] ? 1U << i : 0U;
    int64_t least = std::numeric_limits<int64_t>::max();
    for (unsigned far = 0; far < 1U << things; ++far) least = std::min(least, cost_of(far));
    ASSERT_EQ(cost_of(chosen), least) << "round " << round;
  }
}

}  // namespace
}  // namespace joinery::compiler
