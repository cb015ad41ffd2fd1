// A configuration as the vendor's tool takes it.
#pragma once

#include <string>
#include <vector>

#include "absl/status/statusor.h"
#include "compiler/configuration/configuration.h"
#include "joinery/v1/build_configuration.pb.h"

namespace joinery::compiler {

// "pulsar" or "pulsar2": whose dialect the configuration has.
std::string ToolOf(const Configuration& source);

// "AX650 NPU1": what the artifact was configured for.
std::string HardwareOf(const v1::BuildConfiguration& configuration);

// `source` written out for its tool, with nothing of Joinery's own: what `configuration` (made from it) says, and the
// paths of DialectOf. `calibration_files` has an archive for each of the configuration's inputs, in their order.
// Errors: kInternal if it cannot be written.
absl::StatusOr<std::string> WriteVendorConfiguration(const Configuration& source,
                                                     const v1::BuildConfiguration& configuration,
                                                     const std::vector<std::string>& calibration_files);

}  // namespace joinery::compiler
