// What a model may ask for before it is refused.
#pragma once

#include <cstdint>

namespace joinery::compiler {

struct ModelLimits {
  // Of the file. Protobuf itself ends here.
  int64_t max_bytes = 2'147'483'647;
  // Nodes in all graphs of the model together, functions counted as often as they are called.
  int max_nodes = 200'000;
  // Graphs within graphs: the branch of an If in the main graph is at depth 1.
  int max_depth = 16;
  int max_functions = 1'000;
  // Of one tensor, be it stored or computed.
  int64_t max_tensor_elements = int64_t{1} << 31;
  // Of the name of a tensor or a node.
  int max_name_bytes = 1'024;
};

}  // namespace joinery::compiler
