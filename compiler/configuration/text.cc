#include "compiler/configuration/text.h"

#include <algorithm>

#include "absl/strings/str_cat.h"

namespace joinery::compiler {
namespace {

// How many bytes follow `lead` in a UTF-8 character; -1 if it begins none.
int ContinuationBytes(unsigned char lead) {
  if (lead < 0x80) return 0;
  if (lead >= 0xc2 && lead <= 0xdf) return 1;
  if (lead >= 0xe0 && lead <= 0xef) return 2;
  return lead >= 0xf0 && lead <= 0xf4 ? 3 : -1;
}

// The first byte that is not plain text: a control character, or no UTF-8. npos if there is none.
size_t FindNoText(absl::string_view text) {
  int expected = 0;
  for (size_t i = 0; i < text.size(); ++i) {
    const auto byte = static_cast<unsigned char>(text[i]);
    const bool continues = (byte & 0xc0) == 0x80;
    if (continues != (expected > 0)) return i;
    if (continues) {
      --expected;
      continue;
    }
    const bool control = (byte < 0x20 && byte != '\n' && byte != '\r' && byte != '\t') || byte == 0x7f;
    expected = ContinuationBytes(byte);
    if (control || expected < 0) return i;
  }
  return expected > 0 ? text.size() - 1 : absl::string_view::npos;
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
