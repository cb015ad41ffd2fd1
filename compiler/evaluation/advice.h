// What can be done about a loss of exactness, from the figures of an analysis.
#pragma once

#include "joinery/v1/manifest.pb.h"

namespace joinery::compiler {

// Fills in the advice of the manifest's precision from its layers, configuration and calibration set; replaces what is
// there. The most urgent first: what concerns layers with a larger share of the error. At most three of each kind.
void AddAdvice(v1::Manifest& manifest);

}  // namespace joinery::compiler
