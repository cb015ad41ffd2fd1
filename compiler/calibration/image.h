// Photos: JPEG and PNG.
#pragma once

#include <cstdint>
#include <vector>

#include "absl/status/statusor.h"
#include "absl/strings/string_view.h"

namespace joinery::compiler {

// Rows from the top, pixels from the left, `channels` bytes a pixel: 3 (red, green, blue) or 1 (grey).
struct Image {
  int width = 0;
  int height = 0;
  int channels = 0;
  std::vector<uint8_t> pixels;
};

// Larger images are refused before they are decoded.
inline constexpr int64_t kMaxPixels = int64_t{64} << 20;
inline constexpr int kMaxImageSide = 65'535;

// Decodes by what `bytes` are, whatever `name` ends in. Of a PNG, 16-bit values keep their upper half, alpha is
// dropped, palettes are looked up. kInvalidArgument, naming `name`, for anything damaged or cut off, even if a part
// could be shown, for CMYK, and for too many pixels. Thread-safe.
absl::StatusOr<Image> DecodeImage(absl::string_view bytes, absl::string_view name);

}  // namespace joinery::compiler
