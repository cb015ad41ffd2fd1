// Scales channels so that all of them use the 8 bits that their tensor has.
#pragma once

#include <string>
#include <unordered_map>
#include <vector>

#include "compiler/calibration/observe.h"
#include "compiler/quantization/channel_class.h"
#include "compiler/quantization/linear_weights.h"

namespace joinery::compiler {

using StatisticsOfTensors = std::unordered_map<std::string, TensorStatistics>;

// What each channel of a tensor is multiplied by; a tensor that is missing stays as it is.
using ChannelFactors = std::unordered_map<std::string, std::vector<float>>;

// Finds factors for every class, multiplies `weights` and biases by them on one side and divides on the other.
//
// The factor of a channel is (largest bound / its bound)^power, where a channel's bound is what its values are not
// expected to exceed, on other samples neither: twice the largest magnitude less the mean of each sample's. The power
// is the one with the least predicted noise behind the consumers: rounding of activations, which equal channels make
// smaller, and of weights, which they make larger where an output channel reads scaled and unscaled channels with one
// scale. Values that a Clip would cut off after scaling are avoided by the bound.
//
// Sources: Nagel et al. 2019 (arXiv:1906.04721), section 4.1; for one side's ranges taken from activations, Xiao et al.
// 2022, "SmoothQuant" (arXiv:2211.10438), equation 4.
ChannelFactors Equalize(const std::vector<ChannelClass>& classes, const StatisticsOfTensors& statistics,
                        std::vector<LinearWeights>& weights);

}  // namespace joinery::compiler
