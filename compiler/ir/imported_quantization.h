// The numbers that a model brings along when it was quantized before it came here.
#pragma once

#include <cstdint>
#include <map>
#include <string>
#include <vector>

namespace joinery::compiler {

// Of unsigned numbers: real = (quantized - zero_point) * scale. What the model has in signed ones is shifted by half of
// their range, which changes nothing.
struct ImportedActivation {
  float scale = 1;
  int32_t zero_point = 0;
  // 8 or 16.
  int bits = 8;
  // Of a constant, which may be an operand like any other.
  bool is_constant = false;
};

// real = value * scale of the channel, with zero point 0.
struct ImportedWeights {
  std::vector<int64_t> shape;
  std::vector<int8_t> values;
  // One for each index along `axis`, or one for all.
  std::vector<float> scales;
  // The dimension that is the channels; -1 if there is one scale.
  int axis = -1;
};

// By the name that a tensor has in the float graph. A constant may be in both, because it depends on its reader what it
// is to be.
struct ImportedQuantization {
  std::map<std::string, ImportedActivation> activations;
  std::map<std::string, ImportedWeights> weights;
  // For people: what could not be taken over as it was, and why.
  std::vector<std::string> notes;

  bool empty() const { return activations.empty() && weights.empty(); }
};

}  // namespace joinery::compiler
