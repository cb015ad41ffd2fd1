// Pad by zeros, then Conv or AveragePool  =>  Conv or AveragePool with larger pads.
//
// Conditions: the padding is a constant, of the spatial dimensions only, and nowhere negative; an AveragePool must
// count its padding, or have none of its own, and be padded by less than its kernel.
#pragma once

#include "compiler/pass.h"

namespace joinery::compiler {

class FusePad : public Pass {
 public:
  std::string_view name() const override { return "fuse_pad"; }
  absl::StatusOr<int> Run(Graph& graph) const override;
};

}  // namespace joinery::compiler
