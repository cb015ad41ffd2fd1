// Reshape, Transpose, Reshape of more than four dimensions  =>  the same of at most four: dimensions that stay next to
// each other are one, and those of 1 are left out.
//
// Channel shuffles are spelled out like this, [1, C, H, W] as [1, 2, C / 2, H, W] and its 2 and C / 2 exchanged, and
// chips that take four dimensions at most could not run them. Conditions: that makes them few enough, all shapes are
// constants, nobody else reads what is in between, and the Reshape behind copies no dimension of its input.
#pragma once

#include "compiler/pass.h"

namespace joinery::compiler {

class MergeDimensions : public Pass {
 public:
  std::string_view name() const override { return "merge_dimensions"; }
  absl::StatusOr<int> Run(Graph& graph) const override;
};

}  // namespace joinery::compiler
