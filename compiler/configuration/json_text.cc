#include "compiler/configuration/json_text.h"

#include <algorithm>
#include <cstddef>
#include <set>
#include <string>
#include <vector>

#include "absl/status/status.h"
#include "absl/strings/ascii.h"
#include "absl/strings/match.h"
#include "absl/strings/str_cat.h"
#include "base/status.h"
#include "compiler/configuration/text.h"

namespace joinery::compiler {
namespace {

using ::nlohmann::json;

// The end of the comment that begins at `offset`; `offset` itself if none does, npos if it has no end.
size_t EndOfComment(absl::string_view text, size_t offset) {
  const absl::string_view rest = text.substr(offset);
  if (absl::StartsWith(rest, "#") || absl::StartsWith(rest, "//")) {
    const size_t end = text.find('\n', offset);
    return end == absl::string_view::npos ? text.size() : end;
  }
  if (!absl::StartsWith(rest, "/*")) return offset;
  const size_t end = text.find("*/", offset + 2);
  return end == absl::string_view::npos ? end : end + 2;
}

// The end of the string whose opening quote is at `offset`, or of the text if it has none.
size_t EndOfString(absl::string_view text, size_t offset) {
  for (size_t i = offset + 1; i < text.size(); ++i) {
    if (text[i] == '\\') {
      ++i;
    } else if (text[i] == '"') {
      return i + 1;
    }
  }
  return text.size();
}

// Overwrites comments with spaces, so that every other byte keeps its place, and checks the depth on the way.
absl::StatusOr<std::string> BlankComments(absl::string_view text, absl::string_view file_name) {
  std::string blanked(text);
  int depth = 0;
  for (size_t i = 0; i < text.size();) {
    if (text[i] == '"') {
      i = EndOfString(text, i);
      continue;
    }
    const size_t end = EndOfComment(text, i);
    if (end == absl::string_view::npos) {
      return absl::InvalidArgumentError(
          absl::StrCat(Position(file_name, text, i), "this comment has no end; close it with */"));
    }
    for (size_t j = i; j < end; ++j) {
      if (text[j] != '\n') blanked[j] = ' ';
    }
    if (end > i) {
      i = end;
      continue;
    }
    if (text[i] == '{' || text[i] == '[') ++depth;
    if (text[i] == '}' || text[i] == ']') --depth;
    if (depth > kMaxJsonDepth) {
      return absl::InvalidArgumentError(
          absl::StrCat(Position(file_name, text, i), "nested deeper than ", kMaxJsonDepth, " levels"));
    }
    ++i;
  }
  return blanked;
}

// The JSON library keeps the last of equal keys in silence: watches them go by, and keeps the first that comes again.
class RepeatedKey {
 public:
  bool See(json::parse_event_t event, const json& parsed) {
    if (event == json::parse_event_t::object_start) {
      keys_.emplace_back();
    } else if (event == json::parse_event_t::object_end) {
      keys_.pop_back();
    } else if (event == json::parse_event_t::key) {
      const std::string key = parsed.get<std::string>();
      if (!keys_.back().insert(key).second && found_.empty()) found_ = key;
    }
    return true;
  }
  const std::string& found() const { return found_; }

 private:
  std::vector<std::set<std::string>> keys_;
  std::string found_;
};

// "[json.exception.parse_error.101] parse error at line 1, column 2: syntax error ..." without what is for programmers
// and what we say better.
std::string ForPeople(absl::string_view message) {
  const size_t bracket = message.find("] ");
  if (bracket != absl::string_view::npos) message.remove_prefix(bracket + 2);
  const size_t column = message.find("column ");
  const size_t colon = column == absl::string_view::npos ? column : message.find(": ", column);
  return std::string(colon == absl::string_view::npos ? message : message.substr(colon + 2));
}

}  // namespace

size_t SkipComments(absl::string_view text) {
  size_t offset = 0;
  while (offset < text.size()) {
    const size_t end = EndOfComment(text, offset);
    if (end == absl::string_view::npos) return text.size();
    if (end == offset && !absl::ascii_isspace(static_cast<unsigned char>(text[offset]))) return offset;
    offset = std::max(end, offset + 1);
  }
  return offset;
}

absl::StatusOr<json> ParseJsonText(absl::string_view text, absl::string_view file_name) {
  RETURN_IF_ERROR(CheckText(text, file_name));
  ASSIGN_OR_RETURN(const std::string blanked, BlankComments(text, file_name));
  RepeatedKey repeated_key;
  json parsed;
  try {
    parsed = json::parse(blanked, [&](int /*depth*/, json::parse_event_t event, const json& value) {
      return repeated_key.See(event, value);
    });
  } catch (const json::parse_error& error) {
    const size_t offset = std::min(text.size(), error.byte > 0 ? error.byte - 1 : 0);
    return absl::InvalidArgumentError(absl::StrCat(Position(file_name, text, offset), ForPeople(error.what())));
  } catch (const json::exception& error) {
    return absl::InvalidArgumentError(absl::StrCat(file_name, ": ", ForPeople(error.what())));
  }
  if (!repeated_key.found().empty()) {
    return absl::InvalidArgumentError(
        absl::StrCat(file_name, ": \"", repeated_key.found(), "\" is given twice in the same block"));
  }
  return parsed;
}

}  // namespace joinery::compiler
