// Photos as a camera that gives YUV would have given them.
#pragma once

#include <cstdint>
#include <vector>

#include "absl/status/statusor.h"
#include "compiler/calibration/image.h"
#include "joinery/v1/build_configuration.pb.h"

namespace joinery::compiler {

// The bytes of `image` (red, green, blue; width even, for NV12 and NV21 height too) as `input` takes them, in its
// layout of planes and by the inverse of its YuvMatrix, rounded; chroma is the mean over the pixels that share it.
// kInvalidArgument if the matrix has no inverse.
absl::StatusOr<std::vector<uint8_t>> EncodeYuv(const Image& image, const v1::InputConfiguration& input);

}  // namespace joinery::compiler
