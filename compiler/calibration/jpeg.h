// JPEG by libjpeg-turbo, with its accurate integer DCT and smooth upsampling.
#pragma once

#include "absl/status/statusor.h"
#include "absl/strings/string_view.h"
#include "compiler/calibration/image.h"

namespace joinery::compiler {

// See DecodeImage. The error does not say which image.
absl::StatusOr<Image> DecodeJpeg(absl::string_view bytes);

}  // namespace joinery::compiler
