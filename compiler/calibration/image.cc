#include "compiler/calibration/image.h"

#include <string>

#include "absl/strings/match.h"
#include "absl/strings/str_cat.h"
#include "base/status.h"
#include "compiler/calibration/jpeg.h"
#include "compiler/calibration/member_name.h"
#include "compiler/calibration/png.h"

namespace joinery::compiler {
namespace {

absl::StatusOr<Image> Decode(absl::string_view bytes) {
  if (absl::StartsWith(bytes, "\xff\xd8\xff")) return DecodeJpeg(bytes);
  if (absl::StartsWith(bytes, "\x89PNG\r\n\x1a\n")) return DecodePng(bytes);
  if (bytes.empty()) return absl::InvalidArgumentError("is empty (0 bytes)");
  return absl::InvalidArgumentError("is neither a JPEG nor a PNG, whatever its name says");
}

}  // namespace

absl::StatusOr<Image> DecodeImage(absl::string_view bytes, absl::string_view name) {
  absl::StatusOr<Image> image = Decode(bytes);
  if (!image.ok()) return base::Annotate(image.status(), ShowName(name));
  return image;
}

}  // namespace joinery::compiler
