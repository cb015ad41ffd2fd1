// What all dialects say of deployment in the same way.
#pragma once

#include "absl/status/status.h"
#include "absl/strings/string_view.h"
#include "joinery/v1/build_configuration.pb.h"

namespace joinery::compiler {

// Puts what `deployment` has into `configuration`: each block, input and output by itself. What of an input is left out
// stays as it was.
void ApplyDeployment(const v1::Deployment& deployment, v1::BuildConfiguration& configuration);

// Whether a picture can come in `input.color_space()`, which is YUV: bytes, and an even width and, for NV12 and NV21,
// height. kInvalidArgument, beginning with `path`, if not.
absl::Status CheckYuvInput(const v1::InputConfiguration& input, absl::string_view path);

}  // namespace joinery::compiler
