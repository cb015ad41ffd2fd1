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
  // "CHIP" or "CHIP:MODE", in place of the configuration's; of several, each becomes a job.
  std::vector<std::string> targets;
  JobOptionArguments options;
};

// One of the jobs that `arguments` mean.
struct Submission {
  std::string model;
  // Empty: the configuration's.
  std::string target;
};

// For each model a job for each target, in this order.
std::vector<Submission> SubmissionsOf(const SubmissionArguments& arguments);

// MODEL..., --config, --calibration, --input-shape, --target, the options of quantization and those of jobs.
// `arguments` must outlive `command`.
void AddSubmissionArguments(CLI::App& command, SubmissionArguments& arguments);

// Uploads what is missing, submits a job for each of SubmissionsOf, several as one array, and remembers the job, or the
// array, as @last. The jobs are in their order.
absl::StatusOr<std::vector<v1::Job>> SubmitBuilds(Invocation& invocation, const SubmissionArguments& arguments);

// Submits what was uploaded, several as one array, and remembers the job, or the array, as @last. In the same order.
absl::StatusOr<std::vector<v1::Job>> SubmitJobs(Invocation& invocation, const std::vector<v1::JobSpec>& specs,
                                                const v1::JobOptions& options);

}  // namespace joinery::client
