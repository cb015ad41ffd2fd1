#include "compiler/evaluation/trace_error.h"

#include <algorithm>

namespace joinery::compiler {
namespace {

// How much of what `layer` inherits comes from each of its inputs; they sum up to 1, or to 0 if none has an error.
std::vector<double> InheritedShares(const TracedLayer& layer, absl::Span<const TracedLayer> layers) {
  std::vector<double> shares;
  double sum = 0;
  for (const size_t i : layer.inputs) {
    const TracedLayer& input = layers[i];
    shares.push_back(layer.adds || input.signal <= 0 ? input.error : input.error / input.signal);
    sum += shares.back();
  }
  for (double& share : shares) share = sum > 0 ? share / sum : 0;
  return shares;
}

}  // namespace

std::vector<double> TraceError(absl::Span<const TracedLayer> layers) {
  const auto is_wrong_output = [](const TracedLayer& layer) { return layer.is_output && layer.error > 0; };
  const auto wrong_outputs = std::count_if(layers.begin(), layers.end(), is_wrong_output);
  // Of the outputs' error, what has arrived at each layer.
  std::vector<double> arrived(layers.size());
  std::vector<double> contributions(layers.size());
  for (size_t i = layers.size(); i-- > 0;) {
    const TracedLayer& layer = layers[i];
    if (is_wrong_output(layer)) arrived[i] += 1 / static_cast<double>(wrong_outputs);
    if (arrived[i] == 0) continue;
    const std::vector<double> shares = InheritedShares(layer, layers);
    const bool inherits = std::any_of(shares.begin(), shares.end(), [](double share) { return share > 0; });
    const double both = layer.injected + layer.inherited;
    const double passed_on = inherits && both > 0 ? arrived[i] * layer.inherited / both : 0;
    contributions[i] = arrived[i] - passed_on;
    for (size_t j = 0; j < shares.size(); ++j) arrived[layer.inputs[j]] += passed_on * shares[j];
  }
  return contributions;
}

}  // namespace joinery::compiler
