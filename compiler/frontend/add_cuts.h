// Where the numbers of a quantization cut values off, the float graph that it stands for has to do so as well.
#pragma once

#include <map>
#include <string>

#include "compiler/ir/graph.h"

namespace joinery::compiler {

struct ValueCut {
  float low;
  float high;
};

// X -> T  ⇒  X -> T_uncut -> Clip -> T  for each tensor T that a node makes; a Relu becomes the Clip itself. The new
// nodes are at the end of the graph.
void AddCuts(const std::map<std::string, ValueCut>& cuts, Graph& graph);

}  // namespace joinery::compiler
