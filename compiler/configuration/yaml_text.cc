#include "compiler/configuration/yaml_text.h"

#include <yaml.h>

#include <cmath>
#include <cstdint>
#include <string>

#include "absl/status/status.h"
#include "absl/strings/numbers.h"
#include "absl/strings/str_cat.h"
#include "base/status.h"
#include "compiler/configuration/json_text.h"
#include "compiler/configuration/text.h"

namespace joinery::compiler {
namespace {

using ::nlohmann::json;

class Event {
 public:
  Event() = default;
  ~Event() { yaml_event_delete(&event_); }
  Event(const Event&) = delete;
  Event& operator=(const Event&) = delete;

  yaml_event_t* get() { return &event_; }
  yaml_event_type_t type() const { return event_.type; }
  const yaml_mark_t& mark() const { return event_.start_mark; }
  absl::string_view scalar() const {
    return {reinterpret_cast<const char*>(event_.data.scalar.value), event_.data.scalar.length};
  }
  bool is_plain() const { return event_.data.scalar.style == YAML_PLAIN_SCALAR_STYLE; }
  bool has_anchor_or_tag() const {
    switch (event_.type) {
      case YAML_SCALAR_EVENT:
        return event_.data.scalar.anchor != nullptr || event_.data.scalar.tag != nullptr;
      case YAML_SEQUENCE_START_EVENT:
        return event_.data.sequence_start.anchor != nullptr || event_.data.sequence_start.tag != nullptr;
      case YAML_MAPPING_START_EVENT:
        return event_.data.mapping_start.anchor != nullptr || event_.data.mapping_start.tag != nullptr;
      default:
        return event_.type == YAML_ALIAS_EVENT;
    }
  }

 private:
  yaml_event_t event_{};
};

json ToJson(absl::string_view scalar) {
  if (scalar.empty() || scalar == "~" || scalar == "null") return nullptr;
  if (scalar == "true" || scalar == "True") return true;
  if (scalar == "false" || scalar == "False") return false;
  int64_t whole = 0;
  if (absl::SimpleAtoi(scalar, &whole)) return whole;
  double real = 0;
  if (absl::SimpleAtod(scalar, &real) && std::isfinite(real)) return real;
  return std::string(scalar);
}

class YamlReader {
 public:
  YamlReader(absl::string_view text, absl::string_view file_name) : file_name_(file_name) {
    yaml_parser_initialize(&parser_);
    yaml_parser_set_encoding(&parser_, YAML_UTF8_ENCODING);
    yaml_parser_set_input_string(&parser_, reinterpret_cast<const unsigned char*>(text.data()), text.size());
  }
  ~YamlReader() { yaml_parser_delete(&parser_); }
  YamlReader(const YamlReader&) = delete;
  YamlReader& operator=(const YamlReader&) = delete;

  absl::StatusOr<json> Read() {
    json result;
    for (;;) {
      Event event;
      RETURN_IF_ERROR(Next(event));
      switch (event.type()) {
        case YAML_STREAM_END_EVENT:
          return result;
        case YAML_STREAM_START_EVENT:
        case YAML_DOCUMENT_END_EVENT:
          break;
        case YAML_DOCUMENT_START_EVENT:
          if (has_document_) return ErrorAt(event.mark(), "a second document; a configuration is one");
          has_document_ = true;
          break;
        default: {
          ASSIGN_OR_RETURN(result, ReadValue(event, /*depth=*/1));
        }
      }
    }
  }

 private:
  absl::Status ErrorAt(const yaml_mark_t& mark, absl::string_view message) const {
    return absl::InvalidArgumentError(
        absl::StrCat(file_name_, ":", mark.line + 1, ":", mark.column + 1, ": ", message));
  }

  absl::Status Next(Event& event) {
    if (yaml_parser_parse(&parser_, event.get()) == 0) {
      return ErrorAt(parser_.problem_mark, parser_.problem == nullptr ? "no YAML" : parser_.problem);
    }
    if (event.has_anchor_or_tag()) {
      return ErrorAt(event.mark(), "anchors, aliases and tags are not read; write the value itself");
    }
    return absl::OkStatus();
  }

  absl::StatusOr<json> ReadValue(const Event& event, int depth) {
    if (depth > kMaxJsonDepth) {
      return ErrorAt(event.mark(), absl::StrCat("nested deeper than ", kMaxJsonDepth, " levels"));
    }
    switch (event.type()) {
      case YAML_SCALAR_EVENT:
        return event.is_plain() ? ToJson(event.scalar()) : json(std::string(event.scalar()));
      case YAML_SEQUENCE_START_EVENT:
        return ReadList(depth);
      case YAML_MAPPING_START_EVENT:
        return ReadBlock(depth);
      default:
        return ErrorAt(event.mark(), "no value");
    }
  }

  absl::StatusOr<json> ReadList(int depth) {
    json list = json::array();
    for (;;) {
      Event event;
      RETURN_IF_ERROR(Next(event));
      if (event.type() == YAML_SEQUENCE_END_EVENT) return list;
      ASSIGN_OR_RETURN(json value, ReadValue(event, depth + 1));
      list.push_back(std::move(value));
    }
  }

  absl::StatusOr<json> ReadBlock(int depth) {
    json block = json::object();
    for (;;) {
      Event key;
      RETURN_IF_ERROR(Next(key));
      if (key.type() == YAML_MAPPING_END_EVENT) return block;
      if (key.type() != YAML_SCALAR_EVENT) return ErrorAt(key.mark(), "a key has to be a name");
      const std::string name(key.scalar());
      if (block.contains(name)) return ErrorAt(key.mark(), absl::StrCat("\"", name, "\" is given twice"));
      Event event;
      RETURN_IF_ERROR(Next(event));
      ASSIGN_OR_RETURN(block[name], ReadValue(event, depth + 1));
    }
  }

  const absl::string_view file_name_;
  yaml_parser_t parser_{};
  bool has_document_ = false;
};

}  // namespace

absl::StatusOr<json> ParseYamlText(absl::string_view text, absl::string_view file_name) {
  RETURN_IF_ERROR(CheckText(text, file_name));
  return YamlReader(text, file_name).Read();
}

}  // namespace joinery::compiler
