#include "telemetry/log_fields.h"

#include <algorithm>
#include <array>
#include <cstddef>

#include "absl/strings/ascii.h"
#include "absl/strings/match.h"
#include "absl/strings/str_cat.h"

namespace joinery::telemetry {
namespace {

constexpr char kRedacted[] = "[redacted]";
// Keys whose values are nobody's business.
constexpr std::array<absl::string_view, 7> kSecretKeys = {"token",    "lease_token",   "authorization", "secret",
                                                          "password", "authorisation", "bearer"};
// What our tokens begin with; see server/access.
constexpr absl::string_view kTokenPrefix = "joinery_";
constexpr size_t kMinTokenSize = 24;

bool IsKeyCharacter(char c) { return absl::ascii_islower(c) || absl::ascii_isdigit(c) || c == '_'; }

bool IsTokenCharacter(char c) { return absl::ascii_isalnum(c) || c == '_' || c == '-' || c == '.'; }

// Size of the `key` of `key=` at the beginning of `text`; 0 if there is none.
size_t KeySize(absl::string_view text) {
  const auto end = std::find_if_not(text.begin(), text.end(), IsKeyCharacter);
  return end != text.end() && *end == '=' ? static_cast<size_t>(end - text.begin()) : 0;
}

// Takes a word from the front of `text`: to the next space, or to the closing quote if it begins with one.
std::string TakeWord(absl::string_view& text) {
  std::string word;
  const bool quoted = !text.empty() && text[0] == '"';
  size_t i = quoted ? 1 : 0;
  for (; i < text.size(); ++i) {
    if (quoted && text[i] == '\\' && i + 1 < text.size()) {
      ++i;
      word.push_back(text[i] == 'n' ? '\n' : text[i] == 't' ? '\t' : text[i] == 'r' ? '\r' : text[i]);
      continue;
    }
    if (text[i] == (quoted ? '"' : ' ')) break;
    word.push_back(text[i]);
  }
  text.remove_prefix(std::min(text.size(), i + 1));
  return word;
}

// Replaces whatever looks like one of our tokens.
std::string Redact(std::string text) {
  for (size_t begin = text.find(kTokenPrefix.data()); begin != std::string::npos;) {
    size_t end = begin;
    while (end < text.size() && IsTokenCharacter(text[end])) ++end;
    if (end - begin >= kMinTokenSize) {
      text.replace(begin, end - begin, kRedacted);
      end = begin + sizeof(kRedacted) - 1;
    }
    begin = text.find(kTokenPrefix.data(), end);
  }
  return text;
}

bool IsSecret(absl::string_view key) {
  return std::find(kSecretKeys.begin(), kSecretKeys.end(), key) != kSecretKeys.end();
}

}  // namespace

LogMessage ParseLogMessage(absl::string_view text) {
  LogMessage message;
  while (!text.empty()) {
    if (text[0] == ' ') {
      text.remove_prefix(1);
      continue;
    }
    const size_t key_size = KeySize(text);
    if (key_size > 0) {
      std::string key(text.substr(0, key_size));
      text.remove_prefix(key_size + 1);
      std::string value = TakeWord(text);
      message.fields.emplace_back(std::move(key), IsSecret(key) ? kRedacted : Redact(std::move(value)));
    } else {
      const size_t end = std::min(text.size(), text.find(' '));
      if (!message.words.empty()) message.words.push_back(' ');
      message.words.append(text.data(), end);
      text.remove_prefix(end);
    }
  }
  message.words = Redact(std::move(message.words));
  return message;
}

}  // namespace joinery::telemetry
