#include "compiler/quantization/equalize.h"

#include <algorithm>
#include <array>
#include <cmath>

namespace joinery::compiler {
namespace {

// A channel that is scaled this much adds a sixteenth of the noise it did; more would only make rare values saturate.
constexpr double kLargestFactor = 4;
constexpr std::array<double, 5> kPowers = {0, 0.25, 0.5, 0.75, 1};
constexpr double kActivationSteps = 255;
constexpr double kWeightSteps = 127;

// One quantized tensor of a class.
struct Member {
  const TensorStatistics* statistics;
  // What each channel is not expected to exceed.
  std::vector<double> bounds;
  double largest = 0;
};

Member MakeMember(const TensorStatistics& statistics, float limit) {
  Member member{&statistics, {}, 0};
  const auto samples = static_cast<double>(std::max<size_t>(statistics.samples.size(), 1));
  for (int64_t c = 0; c < statistics.channels.channels(); ++c) {
    const double peak = std::max<double>(-statistics.channels.min(c), statistics.channels.max(c));
    const double mean_peak = statistics.sums.peak[static_cast<size_t>(c)] / samples;
    member.bounds.push_back(std::min<double>(2 * peak - mean_peak, limit));
    member.largest = std::max(member.largest, member.bounds.back());
  }
  return member;
}

double VarianceOf(const ChannelSums& sums, size_t channel) {
  if (sums.count == 0) return 0;
  const double mean = sums.sum[channel] / static_cast<double>(sums.count);
  return std::max(0.0, sums.sum_of_squares[channel] / static_cast<double>(sums.count) - mean * mean);
}

// Up to a factor that is the same for all choices: the noise behind the consumers if channels are multiplied by
// `factors`.
class NoiseModel {
 public:
  NoiseModel(const std::vector<Member>& members, const ChannelClass& tied, const std::vector<LinearWeights>& weights)
      : members_(members), squares_(static_cast<size_t>(tied.channels)), variances_(squares_.size()) {
    for (const size_t consumer : tied.consumers) consumers_.push_back(&weights[consumer]);
    for (const LinearWeights* consumer : consumers_) {
      ForEachWeight(*consumer, [&](size_t index, size_t /*output*/, size_t input) {
        squares_[input] += static_cast<double>(consumer->values[index]) * consumer->values[index];
      });
    }
    for (const Member& member : members_) {
      for (size_t c = 0; c < variances_.size(); ++c) {
        variances_[c] += VarianceOf(member.statistics->sums, c) / static_cast<double>(members_.size());
      }
    }
  }

  double Predict(const std::vector<double>& factors) const { return ActivationNoise(factors) + WeightNoise(factors); }

 private:
  double ActivationNoise(const std::vector<double>& factors) const {
    double noise = 0;
    for (const Member& member : members_) {
      double lowest = 0;
      double highest = 0;
      for (size_t c = 0; c < factors.size(); ++c) {
        const auto channel = static_cast<int64_t>(c);
        lowest = std::min(lowest, member.statistics->channels.min(channel) * factors[c]);
        highest = std::max(highest, member.statistics->channels.max(channel) * factors[c]);
      }
      const double step = (highest - lowest) / kActivationSteps;
      for (size_t c = 0; c < factors.size(); ++c) noise += step * step * squares_[c] / factors[c] / factors[c];
    }
    return noise / static_cast<double>(members_.size());
  }

  double WeightNoise(const std::vector<double>& factors) const {
    double noise = 0;
    for (const LinearWeights* consumer : consumers_) {
      std::vector<double> largest(static_cast<size_t>(consumer->outputs));
      std::vector<double> power(largest.size());
      ForEachWeight(*consumer, [&](size_t index, size_t output, size_t input) {
        largest[output] = std::max(largest[output], std::fabs(consumer->values[index]) / factors[input]);
        power[output] += variances_[input] * factors[input] * factors[input];
      });
      for (size_t o = 0; o < largest.size(); ++o) {
        const double step = largest[o] / kWeightSteps;
        noise += step * step * power[o];
      }
    }
    return noise;
  }

  const std::vector<Member>& members_;
  std::vector<const LinearWeights*> consumers_;
  // Of each channel: the sum of its weights' squares, and the variance of its values.
  std::vector<double> squares_;
  std::vector<double> variances_;
};

// 1 for the channel with the largest bound in relation to its tensor; smaller for others.
std::vector<double> RelativeBounds(const std::vector<Member>& members, size_t channels) {
  std::vector<double> relative(channels);
  for (const Member& member : members) {
    if (member.largest <= 0) continue;
    for (size_t c = 0; c < channels; ++c) relative[c] = std::max(relative[c], member.bounds[c] / member.largest);
  }
  return relative;
}

std::vector<double> FactorsFor(const std::vector<double>& relative, double power) {
  std::vector<double> factors;
  factors.reserve(relative.size());
  for (const double bound : relative) {
    // A channel that is always zero has nothing to gain.
    factors.push_back(bound > 0 ? std::pow(std::min(1 / bound, kLargestFactor), power) : 1);
  }
  return factors;
}

// Behind a Clip a channel that was scaled saturates where calibration did not see its largest values. That pays where
// the consumers' weights take the factors without loss, not where they share a scale.
bool IsWorthTheRisk(const ChannelClass& tied, const std::vector<LinearWeights>& weights) {
  return std::isinf(tied.limit) || std::all_of(tied.consumers.begin(), tied.consumers.end(),
                                               [&](size_t consumer) { return weights[consumer].is_depthwise(); });
}

void Multiply(LinearWeights& weights, const std::vector<float>& factors) {
  ForEachWeight(weights, [&](size_t index, size_t output, size_t) { weights.values[index] *= factors[output]; });
  for (size_t o = 0; o < weights.bias.size(); ++o) weights.bias[o] *= factors[o];
}

void Divide(LinearWeights& weights, const std::vector<float>& factors) {
  ForEachWeight(weights, [&](size_t index, size_t, size_t input) { weights.values[index] /= factors[input]; });
}

}  // namespace

ChannelFactors Equalize(const std::vector<ChannelClass>& classes, const StatisticsOfTensors& statistics,
                        std::vector<LinearWeights>& weights) {
  ChannelFactors all;
  for (const ChannelClass& tied : classes) {
    if (!IsWorthTheRisk(tied, weights)) continue;
    std::vector<Member> members;
    for (const std::string& tensor : tied.tensors) {
      const auto found = statistics.find(tensor);
      if (found == statistics.end() || found->second.channels.channels() != tied.channels) continue;
      members.push_back(MakeMember(found->second, tied.limit));
    }
    if (members.empty()) continue;
    const NoiseModel noise(members, tied, weights);
    const std::vector<double> relative = RelativeBounds(members, static_cast<size_t>(tied.channels));
    std::vector<double> best = FactorsFor(relative, 0);
    double least = noise.Predict(best);
    for (const double power : kPowers) {
      std::vector<double> factors = FactorsFor(relative, power);
      const double predicted = noise.Predict(factors);
      if (predicted < least) {
        least = predicted;
        best = std::move(factors);
      }
    }
    const std::vector<float> factors(best.begin(), best.end());
    if (std::all_of(factors.begin(), factors.end(), [](float factor) { return factor == 1; })) continue;
    for (const size_t producer : tied.producers) Multiply(weights[producer], factors);
    for (const size_t consumer : tied.consumers) Divide(weights[consumer], factors);
    for (const std::string& tensor : tied.tensors) all[tensor] = factors;
  }
  return all;
}

}  // namespace joinery::compiler
