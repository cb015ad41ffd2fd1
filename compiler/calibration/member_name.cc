#include "compiler/calibration/member_name.h"

#include <algorithm>
#include <vector>

#include "absl/status/status.h"
#include "absl/strings/ascii.h"
#include "absl/strings/escaping.h"
#include "absl/strings/match.h"
#include "absl/strings/str_cat.h"
#include "absl/strings/str_join.h"
#include "absl/strings/str_split.h"

namespace joinery::compiler {
namespace {

constexpr size_t kLongestShown = 200;

absl::Status Refused(absl::string_view name, absl::string_view why) {
  return absl::InvalidArgumentError(
      absl::StrCat("member \"", ShowName(name), "\": ", why, "; pack the files again with plain relative names"));
}

}  // namespace

absl::StatusOr<std::string> CleanMemberName(absl::string_view name, size_t max_length) {
  if (name.size() > max_length) {
    return Refused(name, absl::StrCat("its name is longer than ", max_length, " bytes"));
  }
  if (std::any_of(name.begin(), name.end(), [](unsigned char c) { return absl::ascii_iscntrl(c); })) {
    return Refused(name, "its name contains a control character");
  }
  if (absl::StrContains(name, "\\")) return Refused(name, "its name contains a backslash");
  if (absl::StartsWith(name, "/")) return Refused(name, "its name is absolute");
  if (name.size() >= 2 && name[1] == ':' && absl::ascii_isalpha(static_cast<unsigned char>(name[0]))) {
    return Refused(name, "its name begins with a drive letter");
  }
  std::vector<absl::string_view> parts;
  for (const absl::string_view part : absl::StrSplit(name, '/')) {
    if (part == "..") return Refused(name, "its name contains \"..\"");
    if (!part.empty() && part != ".") parts.push_back(part);
  }
  return absl::StrJoin(parts, "/");
}

bool IsHidden(absl::string_view name) { return absl::StartsWith(name, ".") || absl::StrContains(name, "/."); }

bool IsSampleName(absl::string_view name) {
  for (const absl::string_view ending : {".jpg", ".jpeg", ".png", ".npy", ".bin"}) {
    if (absl::EndsWithIgnoreCase(name, ending)) return true;
  }
  return false;
}

std::string ShowName(absl::string_view name) {
  const std::string shown = absl::Utf8SafeCHexEscape(name.substr(0, kLongestShown));
  return name.size() > kLongestShown ? shown + "..." : shown;
}

}  // namespace joinery::compiler
