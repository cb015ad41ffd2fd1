// The cheapest division of things into two sides, where some would rather be on the one and some want to be together.
#pragma once

#include <cstddef>
#include <cstdint>
#include <vector>

namespace joinery::compiler {

// Things are numbered from 0. Costs are integers, so that the result is the same on every machine; below kForbidden in
// all. Not thread-safe.
//
// Source: Boykov and Kolmogorov 2004, "An Experimental Comparison of Min-Cut/Max-Flow Algorithms for Energy
// Minimization in Vision", section 2; the flow is found as by Dinic 1970.
class MinCut {
 public:
  // A cost that no solution pays that can do without.
  static constexpr int64_t kForbidden = int64_t{1} << 60;

  explicit MinCut(int num_things);

  // Further things. Returns the number of the first.
  int AddThings(int count);
  // `thing` costs so much on the near side, or on the far side. Not negative.
  void AddNearCost(int thing, int64_t cost) { AddEdge(thing, kFarEnd, cost); }
  void AddFarCost(int thing, int64_t cost) { AddEdge(kNearEnd, thing, cost); }
  // Costs so much if `near` is on the near and `far` on the far side. Not negative.
  void AddSplitCost(int near, int far, int64_t cost) { AddEdge(near, far, cost); }

  // For each thing whether it is on the far side, in the solution of least cost; of several such, the one with the
  // fewest things there. Once.
  std::vector<bool> Solve();

 private:
  // Stand for the two sides.
  static constexpr int kNearEnd = -1;
  static constexpr int kFarEnd = -2;

  struct Edge {
    int to;
    int64_t capacity;
  };

  static size_t Vertex(int thing) { return static_cast<size_t>(int64_t{thing} + 2); }
  void AddEdge(int from, int to, int64_t cost);
  bool FindLevels();
  int64_t Push();

  // Edge i and i ^ 1 are each other's reverse.
  std::vector<Edge> edges_;
  std::vector<std::vector<int>> edges_of_;
  std::vector<int> level_;
  std::vector<size_t> next_;
};

}  // namespace joinery::compiler
