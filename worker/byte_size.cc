#include "worker/byte_size.h"

#include <algorithm>
#include <array>
#include <limits>
#include <string>

#include "absl/strings/ascii.h"
#include "absl/strings/numbers.h"
#include "absl/strings/str_cat.h"

namespace joinery::worker {
namespace {

struct Unit {
  const char* name;
  double bytes;
};
constexpr std::array<Unit, 14> kUnits = {{{"", 1},
                                          {"b", 1},
                                          {"k", 1024.0},
                                          {"m", 1048576.0},
                                          {"g", 1073741824.0},
                                          {"t", 1099511627776.0},
                                          {"kib", 1024.0},
                                          {"mib", 1048576.0},
                                          {"gib", 1073741824.0},
                                          {"tib", 1099511627776.0},
                                          {"kb", 1e3},
                                          {"mb", 1e6},
                                          {"gb", 1e9},
                                          {"tb", 1e12}}};

}  // namespace

absl::StatusOr<int64_t> ParseByteSize(absl::string_view text) {
  const absl::Status error =
      absl::InvalidArgumentError(absl::StrCat("'", text, "' is not a size; write a number and a unit, such as 8GiB"));
  const absl::string_view trimmed = absl::StripAsciiWhitespace(text);
  const size_t digits = std::min(trimmed.find_first_not_of("0123456789."), trimmed.size());
  const std::string unit_name = absl::AsciiStrToLower(absl::StripLeadingAsciiWhitespace(trimmed.substr(digits)));
  const auto* unit = std::find_if(kUnits.begin(), kUnits.end(), [&](const Unit& u) { return u.name == unit_name; });
  double number = 0;
  if (unit == kUnits.end() || !absl::SimpleAtod(trimmed.substr(0, digits), &number)) return error;
  const double bytes = number * unit->bytes;
  if (bytes >= static_cast<double>(std::numeric_limits<int64_t>::max())) return error;
  return static_cast<int64_t>(bytes);
}

}  // namespace joinery::worker
