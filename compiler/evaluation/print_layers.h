// Layers and advice as text for a terminal.
#pragma once

#include <string>
#include <vector>

#include "joinery/v1/manifest.pb.h"

namespace joinery::compiler {

// A line for each of the `most` layers that contribute most, the largest contribution first, and the advice. Characters
// that could steer a terminal are replaced.
std::string FormatLayers(const v1::Precision& precision, int most);

// The layers by contribution, the largest first; layers that contribute alike stay in their order.
std::vector<const v1::LayerPrecision*> RankLayers(const v1::Precision& precision);

}  // namespace joinery::compiler
