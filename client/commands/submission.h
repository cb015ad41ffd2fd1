// What `build` and `submit` share: the inputs on the command line, and sending them.
#pragma once

#include <CLI/CLI.hpp>
#include <string>
#include <vector>

#include "absl/status/statusor.h"
#include "client/build_inputs.h"
#include "client/commands/invocation.h"
#include "client/commands/job_options.h"

namespace joinery::client {

struct SubmissionArguments {
  // At least one. `inputs.model` is not used.
  std::vector<std::string> models;
  BuildArguments inputs;
  JobOptionArguments options;
};

// MODEL..., --config, --calibration, --input-shape, the options of quantization and those of jobs. `arguments` must
// outlive `command`.
void AddSubmissionArguments(CLI::App& command, SubmissionArguments& arguments);

// Uploads what is missing, submits a job for each model, several as one array, and remembers the job, or the array, as
// @last. The jobs are in the order of the models.
absl::StatusOr<std::vector<v1::Job>> SubmitBuilds(Invocation& invocation, const SubmissionArguments& arguments);

// Submits what was uploaded, several as one array, and remembers the job, or the array, as @last. In the same order.
absl::StatusOr<std::vector<v1::Job>> SubmitJobs(Invocation& invocation, const std::vector<v1::JobSpec>& specs,
                                                const v1::JobOptions& options);

}  // namespace joinery::client
