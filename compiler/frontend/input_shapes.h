// Fixing the shapes of a model's inputs.
#pragma once

#include <string>
#include <vector>

#include "absl/status/status.h"
#include "absl/types/span.h"
#include "compiler/frontend/model_limits.h"
#include "onnx/onnx_pb.h"

namespace joinery::compiler {

// Gives every graph input of `model` a static shape. `given` has "NAME:1x3x224x224", or "1x3x224x224" if there is one
// input only; "NAME:" is a scalar. A dimension with a name that one input fixes is fixed in all. An input of which only
// the first dimension, the batch, stays open gets 1 there; a line in `notes` says so.
// Errors: kInvalidArgument that says what was declared and what to give.
absl::Status FixInputShapes(onnx::ModelProto& model, absl::Span<const std::string> given, const ModelLimits& limits,
                            std::vector<std::string>& notes);

}  // namespace joinery::compiler
