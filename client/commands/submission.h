// What `build` and `submit` share: the inputs on the command line, and sending them.
#pragma once

#include <CLI/CLI.hpp>

#include "absl/status/statusor.h"
#include "client/build_inputs.h"
#include "client/commands/invocation.h"

namespace joinery::client {

// MODEL, --config, --calibration, --input-shape and the options of quantization. `arguments` must outlive `command`.
void AddBuildArguments(CLI::App& command, BuildArguments& arguments);

// Uploads what is missing, submits the job and remembers it as @last.
absl::StatusOr<v1::Job> SubmitBuild(Invocation& invocation, const BuildArguments& arguments);

}  // namespace joinery::client
