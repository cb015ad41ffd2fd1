// Mistakes in target descriptions.
#pragma once

#include "absl/status/status.h"
#include "joinery/v1/target.pb.h"

namespace joinery::compiler {

// Whether the description, complete, says what it must and nothing that contradicts itself: names, modes, figures that
// are positive and say where they are from, operators and attributes that exist in ONNX.
// Errors: kInvalidArgument that names the field at fault and what to do.
absl::Status ValidateTarget(const v1::TargetDescription& target);

}  // namespace joinery::compiler
