#include "worker/text.h"

#include <algorithm>

#include "base/utf8.h"

namespace joinery::worker {
namespace {

bool IsControl(char c) {
  const auto code = static_cast<unsigned char>(c);
  return (code < 0x20 && c != '\t') || code == 0x7F;
}

}  // namespace

std::string CleanText(absl::string_view text, size_t max_bytes) {
  std::string clean;
  clean.reserve(std::min(text.size(), max_bytes));
  size_t fits_with_mark = 0;
  while (!text.empty()) {
    const size_t length = base::Utf8CharacterLength(text);
    if (clean.size() + std::max<size_t>(length, 1) > max_bytes) {
      clean.resize(fits_with_mark);
      return clean + "...";
    }
    if (length == 0 || IsControl(text[0])) {
      clean.push_back('?');
    } else {
      clean.append(text.data(), length);
    }
    text.remove_prefix(std::max<size_t>(length, 1));
    if (clean.size() + 3 <= max_bytes) fits_with_mark = clean.size();
  }
  return clean;
}

}  // namespace joinery::worker
