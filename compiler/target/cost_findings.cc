#include "compiler/target/cost_findings.h"

#include <algorithm>
#include <functional>
#include <map>
#include <utility>

#include "absl/strings/str_cat.h"
#include "absl/strings/str_format.h"

namespace joinery::compiler {
namespace {

// Below this share of the latency nothing is worth a sentence.
constexpr double kWorthSaying = 0.05;

struct Change {
  std::string advice;
  double saved_us = 0;
  int layers = 0;
};

// What a change to single layers would save: `change` returns false where it does not apply.
Change Try(const std::vector<LayerShape>& layers, const CostModel& model, const v1::Cost& cost,
           const std::function<bool(LayerShape&)>& change) {
  Change result;
  for (size_t i = 0; i < layers.size(); ++i) {
    LayerShape changed = layers[i];
    if (changed.on_cpu || !change(changed)) continue;
    const double saved = cost.layers(static_cast<int>(i)).time_us() - model.Estimate(changed).time_us();
    if (saved <= 0) continue;
    result.saved_us += saved;
    ++result.layers;
  }
  return result;
}

Change WithoutActivations(const std::vector<LayerShape>& layers, const CostModel& model, const v1::Cost& cost) {
  std::map<std::string, int> names;
  Change change = Try(layers, model, cost, [&](LayerShape& layer) {
    if (layer.activation.empty()) return false;
    layer.activation.clear();
    return true;
  });
  for (const LayerShape& layer : layers) ++names[layer.activation];
  names.erase("");
  if (names.empty()) return {};
  const auto most = std::max_element(names.begin(), names.end(),
                                     [](const auto& left, const auto& right) { return left.second < right.second; });
  change.advice = absl::StrCat(change.layers, " layers wait for their activation function (mostly ", most->first,
                               "); Relu, or Clip as in Relu6, behind a convolution costs nothing");
  return change;
}

Change WithoutSpill(const std::vector<LayerShape>& layers, const CostModel& model, const v1::Cost& cost) {
  Change change;
  for (size_t i = 0; i < layers.size(); ++i) {
    const v1::LayerCost& layer = cost.layers(static_cast<int>(i));
    if (layers[i].on_cpu || layer.bound() != v1::COST_BOUND_MEMORY || layer.dram_bytes() <= layer.weight_bytes()) {
      continue;
    }
    const double weights_us =
        layer.memory_us() * static_cast<double>(layer.weight_bytes()) / static_cast<double>(layer.dram_bytes());
    change.saved_us += layer.memory_us() - std::max({weights_us, layer.compute_us(), layer.vector_us()});
    ++change.layers;
  }
  (void)model;
  change.advice =
      absl::StrCat(change.layers,
                   " layers move inputs and outputs that do not fit on the chip to DRAM and back; a smaller "
                   "picture or fewer channels in the first layers would keep them there");
  return change;
}

Change WithHalfTheWeights(const std::vector<LayerShape>& layers, const CostModel& model, const v1::Cost& cost) {
  Change change = Try(layers, model, cost, [&](LayerShape& layer) {
    if (layer.weights.empty()) return false;
    layer.weight_bits /= 2;
    return true;
  });
  change.advice = absl::StrCat(change.layers,
                               " layers wait for their weights; with half of them (pruned, or a network "
                               "that is narrower where pictures are small)");
  return change;
}

Change WithFullGroups(const std::vector<LayerShape>& layers, const v1::Cost& cost) {
  Change change;
  for (size_t i = 0; i < layers.size(); ++i) {
    const v1::LayerCost& layer = cost.layers(static_cast<int>(i));
    if (layer.bound() != v1::COST_BOUND_COMPUTE || layer.alignment() == 0 || layer.alignment() > 0.9) continue;
    const double floor = std::max({layer.compute_us() * layer.alignment(), layer.vector_us(), layer.memory_us()});
    change.saved_us += layer.compute_us() - floor;
    ++change.layers;
  }
  change.advice = absl::StrCat(change.layers,
                               " convolutions have channels that do not fill the multipliers' groups; in multiples of "
                               "32 nothing is lost");
  return change;
}

Change WithoutOverhead(const v1::Cost& cost) {
  Change change;
  for (const v1::LayerCost& layer : cost.layers()) {
    if (layer.bound() != v1::COST_BOUND_OVERHEAD) continue;
    change.saved_us += layer.overhead_us();
    ++change.layers;
  }
  change.advice = absl::StrCat(change.layers,
                               " layers are so small that what every layer takes decides; fewer and larger ones would "
                               "cost less");
  return change;
}

absl::string_view Name(v1::CostBound bound) {
  switch (bound) {
    case v1::COST_BOUND_COMPUTE:
      return "multiplications";
    case v1::COST_BOUND_VECTOR:
      return "the vector unit (activation functions and operators without weights)";
    case v1::COST_BOUND_MEMORY:
      return "DRAM";
    default:
      return "overheads of layers and of the network";
  }
}

// What a layer waits for, apart from its overhead, which is counted by itself.
v1::CostBound Longest(const v1::LayerCost& layer) {
  if (layer.compute_us() >= std::max(layer.vector_us(), layer.memory_us())) return v1::COST_BOUND_COMPUTE;
  return layer.vector_us() >= layer.memory_us() ? v1::COST_BOUND_VECTOR : v1::COST_BOUND_MEMORY;
}

void AddWhatDominates(v1::Cost& cost) {
  const double total_us = cost.latency_ms() * 1e3;
  std::map<v1::CostBound, double> by_bound{{v1::COST_BOUND_OVERHEAD, cost.network_overhead_ms() * 1e3}};
  std::map<std::string, double> by_operator;
  for (const v1::LayerCost& layer : cost.layers()) {
    by_bound[Longest(layer)] += layer.time_us() - layer.overhead_us();
    by_bound[v1::COST_BOUND_OVERHEAD] += layer.overhead_us();
    by_operator[layer.op_type()] += layer.time_us();
  }
  const auto largest = [](const auto& shares) {
    return *std::max_element(shares.begin(), shares.end(),
                             [](const auto& left, const auto& right) { return left.second < right.second; });
  };
  const auto [bound, of_bound] = largest(by_bound);
  cost.add_findings(absl::StrFormat("%.0f %% of the time goes to %s.", 100 * of_bound / total_us, Name(bound)));
  if (by_operator.empty()) return;
  const auto [type, of_type] = largest(by_operator);
  cost.add_findings(
      absl::StrFormat("The operator that takes the most is %s, with %.0f %%.", type, 100 * of_type / total_us));
}

}  // namespace

void AddFindings(const std::vector<LayerShape>& layers, const CostModel& model, v1::Cost& cost) {
  const double total_us = cost.latency_ms() * 1e3;
  if (total_us <= 0) return;
  AddWhatDominates(cost);
  std::vector<Change> changes{WithoutActivations(layers, model, cost), WithoutSpill(layers, model, cost),
                              WithHalfTheWeights(layers, model, cost), WithFullGroups(layers, cost),
                              WithoutOverhead(cost)};
  std::stable_sort(changes.begin(), changes.end(),
                   [](const Change& left, const Change& right) { return left.saved_us > right.saved_us; });
  for (const Change& change : changes) {
    if (change.saved_us < kWorthSaying * total_us) break;
    cost.add_findings(
        absl::StrFormat("%s: up to %.2f of %.2f ms less.", change.advice, change.saved_us / 1e3, cost.latency_ms()));
  }
}

}  // namespace joinery::compiler
