// Why a build failed, told so that programs can act on it: a Status that carries a joinery.v1.Failure.
#pragma once

#include <string>

#include "absl/status/status.h"
#include "joinery/v1/jobs.pb.h"

namespace joinery::compiler {

// `status` with a reason and, if there is one, the node, file or line at fault. A reason it has already stays: the one
// given nearest to the fault knows best. An OK status stays as it is.
absl::Status WithReason(const absl::Status& status, v1::FailureReason reason, const std::string& culprit = "");

// What `status` carries, its message included; for one without a reason OUT_OF_MEMORY if
// something was exhausted, else INTERNAL.
v1::Failure ToFailure(const absl::Status& status);

}  // namespace joinery::compiler
