#include "compiler/target/min_cut.h"

#include <algorithm>

namespace joinery::compiler {

MinCut::MinCut(int num_things) : edges_of_(Vertex(num_things)) {}

int MinCut::AddThings(int count) {
  const int first = static_cast<int>(edges_of_.size() - Vertex(0));
  edges_of_.resize(edges_of_.size() + static_cast<size_t>(count));
  return first;
}

void MinCut::AddEdge(int from, int to, int64_t cost) {
  if (cost == 0) return;
  edges_of_[Vertex(from)].push_back(static_cast<int>(edges_.size()));
  edges_.push_back({static_cast<int>(Vertex(to)), std::min(cost, kForbidden)});
  edges_of_[Vertex(to)].push_back(static_cast<int>(edges_.size()));
  edges_.push_back({static_cast<int>(Vertex(from)), 0});
}

bool MinCut::FindLevels() {
  level_.assign(edges_of_.size(), -1);
  std::vector<size_t> reached = {Vertex(kNearEnd)};
  level_[reached.front()] = 0;
  for (size_t i = 0; i < reached.size(); ++i) {
    for (const int number : edges_of_[reached[i]]) {
      const Edge& edge = edges_[static_cast<size_t>(number)];
      const auto to = static_cast<size_t>(edge.to);
      if (edge.capacity == 0 || level_[to] >= 0) continue;
      level_[to] = level_[reached[i]] + 1;
      reached.push_back(to);
    }
  }
  return level_[Vertex(kFarEnd)] >= 0;
}

// Along one path, without recursion: a path can be as long as the network is deep.
int64_t MinCut::Push() {
  std::vector<int> path;
  size_t at = Vertex(kNearEnd);
  while (at != Vertex(kFarEnd)) {
    if (next_[at] == edges_of_[at].size()) {
      if (path.empty()) return 0;
      const auto last = static_cast<size_t>(path.back());
      path.pop_back();
      at = static_cast<size_t>(edges_[last ^ 1].to);
      ++next_[at];
      continue;
    }
    const int number = edges_of_[at][next_[at]];
    const Edge& edge = edges_[static_cast<size_t>(number)];
    const auto to = static_cast<size_t>(edge.to);
    if (edge.capacity == 0 || level_[to] != level_[at] + 1) {
      ++next_[at];
      continue;
    }
    path.push_back(number);
    at = to;
  }
  int64_t flow = kForbidden;
  for (const int number : path) flow = std::min(flow, edges_[static_cast<size_t>(number)].capacity);
  for (const int number : path) {
    edges_[static_cast<size_t>(number)].capacity -= flow;
    edges_[static_cast<size_t>(number) ^ 1].capacity += flow;
  }
  return flow;
}

std::vector<bool> MinCut::Solve() {
  while (FindLevels()) {
    next_.assign(edges_of_.size(), 0);
    while (Push() > 0) {
    }
  }
  // What can still be reached backwards from the far end must be there; all else may be near.
  std::vector<bool> is_far(edges_of_.size(), false);
  std::vector<size_t> pending = {Vertex(kFarEnd)};
  is_far[pending.front()] = true;
  while (!pending.empty()) {
    const size_t at = pending.back();
    pending.pop_back();
    for (const int number : edges_of_[at]) {
      const auto from = static_cast<size_t>(edges_[static_cast<size_t>(number)].to);
      if (edges_[static_cast<size_t>(number) ^ 1].capacity == 0 || is_far[from]) continue;
      is_far[from] = true;
      pending.push_back(from);
    }
  }
  return {is_far.begin() + static_cast<std::ptrdiff_t>(Vertex(0)), is_far.end()};
}

}  // namespace joinery::compiler
