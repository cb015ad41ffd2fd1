// Flatten, Softmax over the last dimension, Reshape to the shape before  =>  Softmax over one dimension.
//
// That is how a Softmax of an opset before 13, which took all dimensions from its axis on together, is raised where its
// input's shape was not yet known. Condition: of the dimensions that are taken together at most one is larger than 1,
// and nobody else reads what is in between. LogSoftmax likewise.
#pragma once

#include "compiler/pass.h"

namespace joinery::compiler {

class FuseSoftmax : public Pass {
 public:
  std::string_view name() const override { return "fuse_softmax"; }
  absl::StatusOr<int> Run(Graph& graph) const override;
};

}  // namespace joinery::compiler
