#include "compiler/configuration/node_pattern.h"

#include <re2/re2.h>

#include <cstddef>

#include "absl/strings/str_cat.h"

namespace joinery::compiler {
namespace {

constexpr size_t kMaxPatternSize = 256;

}  // namespace

absl::Status CheckNodePattern(const std::string& pattern, absl::string_view path) {
  if (pattern.size() > kMaxPatternSize) {
    return absl::InvalidArgumentError(absl::StrCat(path, ": longer than ", kMaxPatternSize, " bytes"));
  }
  const RE2 expression(pattern, RE2::Quiet);
  if (expression.ok()) return absl::OkStatus();
  return absl::InvalidArgumentError(
      absl::StrCat(path, ": \"", pattern, "\" is no regular expression: ", expression.error()));
}

}  // namespace joinery::compiler
