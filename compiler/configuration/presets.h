// What `fast`, `balanced` and `accurate` stand for.
#pragma once

#include "joinery/v1/build_configuration.pb.h"

namespace joinery::compiler {

// Every algorithm as `preset` has it, with no layer set by hand and no target. PRESET_UNSPECIFIED is PRESET_BALANCED.
v1::Quantization PresetQuantization(v1::Preset preset);

}  // namespace joinery::compiler
