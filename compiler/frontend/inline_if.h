// If(constant) { branch }  =>  the nodes of the branch that is taken.
//
// Tensors of the branch keep their names unless something else has them; what the If wrote keeps its name. Branches of
// more than 10,000 nodes stay where they are.
#pragma once

#include "compiler/pass.h"

namespace joinery::compiler {

class InlineIf : public Pass {
 public:
  std::string_view name() const override { return "inline_if"; }
  absl::StatusOr<int> Run(Graph& graph) const override;
};

}  // namespace joinery::compiler
