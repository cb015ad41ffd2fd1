// The plots of a report, as inline SVG. Colours are classes of the page's style sheet, so that they follow light and
// dark. Every plot says in words what it shows; its numbers are in the tables as well.
#pragma once

#include <string>

#include "joinery/v1/manifest.pb.h"

namespace joinery::compiler {

// For each layer two bars on a logarithmic scale: the error it injects and what it inherits.
std::string PlotLayerErrors(const v1::Precision& precision);

// For each quantized layer what its values reach over against what the number format holds.
std::string PlotRanges(const v1::Precision& precision);

// SQNR over the share of multiplications in 16 bits.
std::string PlotTradeOff(const v1::Precision& precision);

}  // namespace joinery::compiler
