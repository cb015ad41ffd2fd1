#include "compiler/configuration/nearest_name.h"

#include <algorithm>
#include <cstddef>

#include "absl/strings/ascii.h"
#include "absl/strings/str_cat.h"
#include "absl/strings/str_join.h"

namespace joinery::compiler {
namespace {

// Beyond this a name is nobody's typo, and the quadratic comparison would only cost time.
constexpr size_t kLongestName = 128;

}  // namespace

int EditDistance(absl::string_view left, absl::string_view right) {
  const std::string a = absl::AsciiStrToLower(left);
  const std::string b = absl::AsciiStrToLower(right);
  std::vector<int> before_last(b.size() + 1);
  std::vector<int> last(b.size() + 1);
  std::vector<int> current(b.size() + 1);
  for (size_t j = 0; j <= b.size(); ++j) current[j] = static_cast<int>(j);
  for (size_t i = 1; i <= a.size(); ++i) {
    before_last.swap(last);
    last.swap(current);
    current[0] = static_cast<int>(i);
    for (size_t j = 1; j <= b.size(); ++j) {
      const int replaced = last[j - 1] + (a[i - 1] == b[j - 1] ? 0 : 1);
      current[j] = std::min({replaced, last[j] + 1, current[j - 1] + 1});
      const bool swapped = i > 1 && j > 1 && a[i - 1] == b[j - 2] && a[i - 2] == b[j - 1];
      if (swapped) current[j] = std::min(current[j], before_last[j - 2] + 1);
    }
  }
  return current[b.size()];
}

std::string SuggestName(absl::string_view name, const std::vector<std::string>& names) {
  if (names.empty()) return "";
  if (name.size() <= kLongestName) {
    const auto nearest = std::min_element(names.begin(), names.end(), [&](const auto& left, const auto& right) {
      return EditDistance(name, left) < EditDistance(name, right);
    });
    const int tolerated = std::max(2, static_cast<int>(name.size()) / 3);
    if (EditDistance(name, *nearest) <= tolerated) return absl::StrCat("did you mean \"", *nearest, "\"?");
  }
  return absl::StrCat("known are ", absl::StrJoin(names, ", "));
}

}  // namespace joinery::compiler
