// Whether a configuration can be built whose deployment (joinery_conf.deployment, or Joinery's own dialect) was written
// by hand: what the other dialects check of their own words.
#pragma once

#include <cstdint>

#include "absl/status/status.h"
#include "joinery/v1/build_configuration.pb.h"

namespace joinery::compiler {

// Of samples that an artifact takes at a time, in every dialect.
inline constexpr int32_t kLargestBatch = 1024;

// `configuration` is complete, the deployment in it. kInvalidArgument names the input, the output or the field.
absl::Status CheckDeployment(const v1::BuildConfiguration& configuration);

}  // namespace joinery::compiler
