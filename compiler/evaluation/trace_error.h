// An estimate of how much each layer contributes to the error of a model's outputs.
#pragma once

#include <vector>

#include "absl/types/span.h"

namespace joinery::compiler {

// A layer as the estimate sees it. Energies are sums of squares.
struct TracedLayer {
  // Earlier layers that this one reads.
  std::vector<size_t> inputs;
  double signal = 0;
  double error = 0;
  double inherited = 0;
  double injected = 0;
  bool is_output = false;
  // Whether errors of the inputs count by their size (Add, Concat) or by their size relative to the input (Mul).
  bool adds = true;
};

// Traces the outputs' error back through the graph: at each layer it is divided between what the layer injects and what
// it inherits, in the proportion of the two energies, and the latter goes on to the layers it reads, in the proportion
// of their errors. The layers are in topological order.
//
//   returns  each layer's share, 0 to 1; all together have 1, or 0 if there is no error. Every output that has an error
//            counts alike.
//
// It is an estimate because errors are taken as independent of each other, and as being amplified alike by what
// follows: a mean of zero that an average pooling removes, and an offset that it keeps, are the same to it.
std::vector<double> TraceError(absl::Span<const TracedLayer> layers);

}  // namespace joinery::compiler
