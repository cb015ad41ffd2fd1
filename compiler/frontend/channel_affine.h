// Nodes that scale and shift each channel: z[c] = scale[c] * y[c] + shift[c].
#pragma once

#include <cstdint>
#include <optional>
#include <string>
#include <vector>

#include "compiler/ir/graph.h"

namespace joinery::compiler {

struct ChannelAffine {
  std::vector<double> scale;
  std::vector<double> shift;
};

// What `node` does to the channels (dimension 1) of `tensor`, one of its inputs, of the given shape; nothing if it does
// anything else, or its other inputs are not float32 constants. Understood are BatchNormalization at inference and Mul,
// Add, Sub, Div by a constant that is the same over all other dimensions.
std::optional<ChannelAffine> AffineOf(Graph& graph, const onnx::NodeProto& node, const std::string& tensor,
                                      const std::vector<int64_t>& shape);

// Adds `next`, which comes after it, to `affine`.
void Append(const ChannelAffine& next, ChannelAffine& affine);

}  // namespace joinery::compiler
