// An estimate as text for people.
#pragma once

#include <string>

#include "joinery/v1/manifest.pb.h"

namespace joinery::compiler {

// Totals, how far off such estimates are, what sharing the NPU costs, what dominates and what would help.
std::string FormatCost(const v1::Cost& cost);

// Two lines: the time in the mode, and in the others, so that one sees what sharing the NPU costs; how far off that is.
std::string FormatCostInShort(const v1::Cost& cost);

// A line a layer that takes time, and what bounds it.
std::string FormatCostLayers(const v1::Cost& cost);

// "half of the estimates for networks that were not used for fitting are within 12 %, nine of ten within 40 % (60
// published latencies)", or that nothing is published to compare with.
std::string FormatCostError(const v1::Cost& cost);

// "compute", "vector unit", "DRAM", "overhead".
std::string FormatBound(v1::CostBound bound);

}  // namespace joinery::compiler
