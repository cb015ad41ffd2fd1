// What an estimate means, in words.
#pragma once

#include <vector>

#include "compiler/target/cost_model.h"
#include "compiler/target/layer_shapes.h"
#include "joinery/v1/manifest.pb.h"

namespace joinery::compiler {

// Adds sentences to `cost.findings`: what takes most of the time, and what would help, the most effective first. What a
// change would bring is estimated with the same model. `cost` has all else already; its layers are those of `layers`.
void AddFindings(const std::vector<LayerShape>& layers, const CostModel& model, v1::Cost& cost);

}  // namespace joinery::compiler
