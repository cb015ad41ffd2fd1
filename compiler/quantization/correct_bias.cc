#include "compiler/quantization/correct_bias.h"

namespace joinery::compiler {

void CorrectBias(const LinearWeights& weights, const QuantizedWeights& rounded, absl::Span<const double> means,
                 std::vector<float>& bias) {
  std::vector<double> corrections(static_cast<size_t>(weights.outputs));
  ForEachWeight(weights, [&](size_t index, size_t output, size_t input) {
    const float scale = rounded.scales.size() == 1 ? rounded.scales[0] : rounded.scales[output];
    const double error = weights.values[index] - static_cast<double>(rounded.values[index]) * scale;
    corrections[output] += error * means[input];
  });
  bias.resize(corrections.size());
  for (size_t o = 0; o < corrections.size(); ++o) bias[o] += static_cast<float>(corrections[o]);
}

}  // namespace joinery::compiler
