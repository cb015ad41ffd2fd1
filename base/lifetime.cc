#include "base/lifetime.h"

#include "absl/strings/numbers.h"
#include "absl/strings/str_cat.h"
#include "absl/strings/strip.h"

namespace joinery::base {

absl::StatusOr<absl::Duration> ParseLifetime(absl::string_view text) {
  if (text == "never") return absl::InfiniteDuration();
  absl::string_view number = text;
  int days = 0;
  if (absl::ConsumeSuffix(&number, "d") && absl::SimpleAtoi(number, &days) && days > 0) return absl::Hours(24) * days;
  absl::Duration duration;
  if (absl::ParseDuration(text, &duration) && duration > absl::ZeroDuration() && duration != absl::InfiniteDuration()) {
    return duration;
  }
  return absl::InvalidArgumentError(absl::StrCat("\"", text, "\" is no lifetime; write 30d, 12h or never"));
}

}  // namespace joinery::base
