// What of a model would run where, on each of several targets: no calibration, no execution of the network.
#pragma once

#include <string>
#include <vector>

#include "absl/status/statusor.h"
#include "absl/types/span.h"
#include "compiler/frontend/model_limits.h"
#include "joinery/v1/check.pb.h"
#include "joinery/v1/target.pb.h"

namespace joinery::compiler {

struct CheckOptions {
  ModelLimits limits;
  // As in ImportOptions.
  std::vector<std::string> input_shapes;
};

// Checks the model in the file at `path`; the result calls it `name`. A model that Joinery cannot take because of what
// it has in it (an operator that does not exist, say) is impossible on all targets, which is an answer.
// Errors: those of reading the file; kInvalidArgument if it is damaged, breaks a limit or needs input shapes.
absl::StatusOr<v1::ModelCheck> CheckModel(const std::string& path, const std::string& name,
                                          absl::Span<const v1::TargetDescription> targets, const CheckOptions& options);

}  // namespace joinery::compiler
