// What a configuration has to know of the float model.
#pragma once

#include <vector>

#include "compiler/configuration/translation.h"
#include "compiler/ir/graph.h"

namespace joinery::compiler {

// The inputs of an imported model, all of whose shapes are known, in its order.
std::vector<ModelInput> ModelInputsOf(Graph& graph);

}  // namespace joinery::compiler
