#include "compiler/evaluation/html_text.h"

#include <cmath>
#include <cstdint>

#include "absl/strings/str_cat.h"
#include "absl/strings/str_format.h"

namespace joinery::compiler {
namespace {

constexpr char kReplacement[] = "\xEF\xBF\xBD";

bool IsContinuation(char c) { return (static_cast<unsigned char>(c) & 0xC0U) == 0x80; }

// The character at the beginning of `text` and how many bytes it has; 0 bytes if they are not UTF-8.
struct Character {
  uint32_t code = 0;
  size_t size = 0;
};

Character Decode(absl::string_view text) {
  const auto first = static_cast<unsigned char>(text[0]);
  if (first < 0x80) return {first, 1};
  const size_t size = first >= 0xF0 && first < 0xF8   ? 4
                      : first >= 0xE0 && first < 0xF0 ? 3
                      : first >= 0xC2 && first < 0xE0 ? 2
                                                      : 0;
  if (size == 0 || text.size() < size) return {};
  uint32_t code = first & (0x7FU >> size);
  for (size_t i = 1; i < size; ++i) {
    if (!IsContinuation(text[i])) return {};
    code = code << 6U | (static_cast<unsigned char>(text[i]) & 0x3FU);
  }
  const bool is_overlong = (size == 3 && code < 0x800) || (size == 4 && code < 0x10000);
  const bool is_surrogate = code >= 0xD800 && code < 0xE000;
  if (is_overlong || is_surrogate || code > 0x10FFFF) return {};
  return {code, size};
}

bool IsHarmful(uint32_t code) {
  return code < 0x20 || (code >= 0x7F && code < 0xA0) || (code >= 0x202A && code <= 0x202E) ||
         (code >= 0x2066 && code <= 0x2069) || code == 0x200E || code == 0x200F || code == 0xFEFF ||
         (code & 0xFFFEU) == 0xFFFE;
}

}  // namespace

std::string EscapeHtml(absl::string_view text) {
  std::string escaped;
  escaped.reserve(text.size());
  while (!text.empty()) {
    const Character character = Decode(text);
    if (character.size == 0 || IsHarmful(character.code)) {
      escaped += kReplacement;
    } else if (character.code == '&') {
      escaped += "&amp;";
    } else if (character.code == '<') {
      escaped += "&lt;";
    } else if (character.code == '>') {
      escaped += "&gt;";
    } else if (character.code == '"') {
      escaped += "&quot;";
    } else if (character.code == '\'') {
      escaped += "&#39;";
    } else {
      escaped.append(text.data(), character.size);
    }
    text.remove_prefix(character.size == 0 ? 1 : character.size);
  }
  return escaped;
}

std::string Shorten(absl::string_view text, size_t most) {
  if (text.size() <= most) return std::string(text);
  absl::string_view end = text.substr(text.size() - most);
  while (!end.empty() && IsContinuation(end[0])) end.remove_prefix(1);
  return absl::StrCat("…", end);
}

std::string FormatNumber(double value) {
  if (!std::isfinite(value)) return "–";
  return absl::StrFormat("%.3g", value);
}

std::string FormatPercent(double share) { return absl::StrCat(FormatNumber(100 * share), " %"); }

}  // namespace joinery::compiler
