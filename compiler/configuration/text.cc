#include "compiler/configuration/text.h"

#include <algorithm>

#include "absl/strings/str_cat.h"
#include "base/utf8.h"

namespace joinery::compiler {
namespace {

// The first byte that is not plain text: a control character, or no UTF-8. npos if there is none.
size_t FindNoText(absl::string_view text) {
  size_t i = 0;
  while (i < text.size()) {
    const char c = text[i];
    const bool is_control = (c >= 0 && c < 0x20 && c != '\n' && c != '\r' && c != '\t') || c == 0x7f;
    const size_t length = base::Utf8CharacterLength(text.substr(i));
    if (is_control || length == 0) return i;
    i += length;
  }
  return absl::string_view::npos;
}

}  // namespace

std::string Position(absl::string_view file_name, absl::string_view text, size_t offset) {
  const absl::string_view before = text.substr(0, offset);
  const auto line = std::count(before.begin(), before.end(), '\n') + 1;
  const size_t last_line = before.rfind('\n');
  const size_t column = last_line == absl::string_view::npos ? offset + 1 : offset - last_line;
  return absl::StrCat(file_name, ":", line, ":", column, ": ");
}

absl::Status CheckText(absl::string_view text, absl::string_view file_name) {
  if (text.size() > kLargestConfiguration) {
    return absl::InvalidArgumentError(absl::StrCat(
        file_name, ": ", text.size(), " bytes are no configuration: the limit is ", kLargestConfiguration));
  }
  if (const size_t offset = FindNoText(text); offset != absl::string_view::npos) {
    return absl::InvalidArgumentError(
        absl::StrCat(Position(file_name, text, offset), "this byte is not text: is this the right file?"));
  }
  return absl::OkStatus();
}

}  // namespace joinery::compiler
