// Runs one job of kind CHECK: fetches the model, has the compiler check it, uploads the report.
#pragma once

#include "absl/status/statusor.h"
#include "joinery/v1/jobs.pb.h"
#include "worker/build_job.h"

namespace joinery::worker {

// As RunBuild; the result has a report only.
absl::StatusOr<BuildOutcome> RunCheck(const v1::CheckSpec& spec, const BuildContext& context);

}  // namespace joinery::worker
