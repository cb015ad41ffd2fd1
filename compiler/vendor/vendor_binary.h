// Has the vendor's tool make its binary of a model that was built, and attaches it to the `.joint`.
#pragma once

#include <functional>
#include <string>

#include "absl/status/status.h"
#include "absl/status/statusor.h"
#include "absl/time/time.h"
#include "compiler/build.h"
#include "compiler/configuration/configuration.h"
#include "compiler/vendor/vendor_tool.h"
#include "joinery/v1/manifest.pb.h"

namespace joinery::compiler {

struct VendorOptions {
  VendorTool tool;
  absl::Duration time_limit = absl::Hours(1);
};

// What can be told before anything is built. Errors, with a joinery.v1.Failure: INVALID_CONFIG the configuration is
// another tool's; WORKER_FAULT there is no such program, or it may not be run.
absl::Status CheckVendorTool(const VendorTool& tool, const Configuration& configuration);

// To be called after Build: `build` is what that was called with, and `report` what it returned. In a folder of its own
// it lays out the float model, the calibration set and the configuration in the tool's dialect, runs the tool, takes
// its binary, runs the tool's simulator on the first sample and compares with the `.joint`, and writes `.joint` and
// report anew with the binary and all that is known of it. What the tool prints goes to `listener`. A simulator that
// fails is a warning: the binary is there.
//
// Errors leave the files as Build wrote them. They carry a joinery.v1.Failure: VENDOR_TOOL with the tool's own words,
// TIMED_OUT, OUT_OF_MEMORY if it was killed or says so, those of CheckVendorTool, WORKER_FAULT if docker cannot be run.
// kCancelled if SIGINT or SIGTERM came.
absl::Status AttachVendorBinary(const VendorOptions& options, const BuildArguments& build, v1::Report& report,
                                BuildListener& listener);

}  // namespace joinery::compiler
