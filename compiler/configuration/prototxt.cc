#include "compiler/configuration/prototxt.h"

#include <google/protobuf/descriptor.h>
#include <google/protobuf/io/tokenizer.h>
#include <google/protobuf/text_format.h>

#include <optional>
#include <set>
#include <vector>

#include "absl/strings/str_cat.h"
#include "absl/strings/str_split.h"
#include "base/status.h"
#include "base/utf8.h"
#include "compiler/configuration/nearest_name.h"
#include "compiler/configuration/pulsar_prototxt.h"
#include "compiler/configuration/text.h"

namespace joinery::compiler {
namespace {

using ::google::protobuf::Descriptor;
using ::google::protobuf::FieldDescriptor;
using ::google::protobuf::Message;

constexpr int kMaxDepth = 32;

// Protobuf's tokenizer counts a tab as going on to the next multiple of this.
constexpr int kTabWidth = 8;

struct ParseError {
  // From 0; -1 if the error is nowhere in particular.
  int line = -1;
  int column = 0;
  std::string message;
};

// Keeps the first error: what follows it is often only its consequence.
class FirstError : public google::protobuf::io::ErrorCollector {
 public:
  void AddError(int line, google::protobuf::io::ColumnNumber column, const std::string& message) override {
    if (!error_) error_ = ParseError{line, column, message};
  }
  const std::optional<ParseError>& error() const { return error_; }

 private:
  std::optional<ParseError> error_;
};

// Where in `text` the tokenizer's line and column are.
size_t OffsetOf(absl::string_view text, int line, int column) {
  size_t offset = 0;
  for (int i = 0; i < line; ++i) {
    const size_t end = text.find('\n', offset);
    if (end == absl::string_view::npos) return text.size();
    offset = end + 1;
  }
  int reached = 0;
  while (reached < column && offset < text.size() && text[offset] != '\n') {
    reached += text[offset] == '\t' ? kTabWidth - reached % kTabWidth : 1;
    ++offset;
  }
  return offset;
}

void CollectEnumValues(const Descriptor* message, absl::string_view field_name, std::set<const Descriptor*>& seen,
                       std::vector<std::string>& values) {
  if (!seen.insert(message).second) return;
  for (int i = 0; i < message->field_count(); ++i) {
    const FieldDescriptor* field = message->field(i);
    if (field->message_type() != nullptr) CollectEnumValues(field->message_type(), field_name, seen, values);
    if (field->enum_type() == nullptr || field->name() != std::string(field_name)) continue;
    for (int j = 0; j < field->enum_type()->value_count(); ++j) values.push_back(field->enum_type()->value(j)->name());
  }
}

// Protobuf says which field has the unknown value, but not in which message: all fields of that name are considered.
std::vector<std::string> ValuesOfEnumFields(const Descriptor* root, absl::string_view field_name) {
  std::set<const Descriptor*> seen;
  std::vector<std::string> values;
  CollectEnumValues(root, field_name, seen, values);
  return values;
}

std::vector<std::string> FieldNames(const Descriptor* root, const std::string& message_name) {
  std::vector<std::string> names;
  const Descriptor* message = root->file()->pool()->FindMessageTypeByName(message_name);
  for (int i = 0; message != nullptr && i < message->field_count(); ++i) names.push_back(message->field(i)->name());
  return names;
}

// The pieces of `message` within double quotes.
std::vector<std::string> Quoted(absl::string_view message) {
  const std::vector<std::string> pieces = absl::StrSplit(message, '"');
  std::vector<std::string> quoted;
  for (size_t i = 1; i < pieces.size(); i += 2) quoted.push_back(pieces[i]);
  return quoted;
}

// What a person is told, and the word in the text it is about (empty if none).
struct Explanation {
  std::string message;
  std::string culprit;
};

Explanation Explain(const Descriptor* root, const std::string& message) {
  const std::vector<std::string> quoted = Quoted(message);
  if (quoted.size() == 2 && absl::StrContains(message, "has no field named")) {
    const std::string block = quoted[0].substr(quoted[0].rfind('.') + 1);
    return {absl::StrCat("there is no field \"", quoted[1], "\" in ", block, "; ",
                         SuggestName(quoted[1], FieldNames(root, quoted[0]))),
            quoted[1]};
  }
  if (quoted.size() == 2 && absl::StrContains(message, "Unknown enumeration value")) {
    return {absl::StrCat("\"", quoted[0], "\" is no value of ", quoted[1], "; ",
                         SuggestName(quoted[0], ValuesOfEnumFields(root, quoted[1]))),
            quoted[0]};
  }
  return {message, ""};
}

absl::Status ErrorStatus(const Descriptor* root, absl::string_view text, absl::string_view file_name,
                         const ParseError& error) {
  const Explanation explanation = Explain(root, error.message);
  size_t offset = error.line < 0 ? 0 : OffsetOf(text, error.line, error.column);
  // Protobuf notices after it has read the word: go back to where it stands.
  if (!explanation.culprit.empty()) {
    const size_t found = text.rfind(explanation.culprit, offset);
    if (found != absl::string_view::npos) offset = found;
  }
  return absl::InvalidArgumentError(absl::StrCat(Position(file_name, text, offset), explanation.message));
}

// The path of a string that is no UTF-8, which escapes can make of text that is; empty if there is none.
std::string FindNoUtf8(const Message& message) {
  const google::protobuf::Reflection& reflection = *message.GetReflection();
  std::vector<const FieldDescriptor*> fields;
  reflection.ListFields(message, &fields);
  for (const FieldDescriptor* field : fields) {
    const bool is_repeated = field->is_repeated();
    const int count = is_repeated ? reflection.FieldSize(message, field) : 1;
    for (int i = 0; i < count; ++i) {
      if (field->type() == FieldDescriptor::TYPE_STRING) {
        const std::string value =
            is_repeated ? reflection.GetRepeatedString(message, field, i) : reflection.GetString(message, field);
        if (!base::IsUtf8(value)) return field->name();
      } else if (field->type() == FieldDescriptor::TYPE_MESSAGE) {
        const std::string inner = FindNoUtf8(is_repeated ? reflection.GetRepeatedMessage(message, field, i)
                                                         : reflection.GetMessage(message, field));
        if (!inner.empty()) return absl::StrCat(field->name(), ".", inner);
      }
    }
  }
  return "";
}

}  // namespace

absl::Status ParsePrototxt(absl::string_view text, absl::string_view file_name, Message& message) {
  RETURN_IF_ERROR(CheckText(text, file_name));
  FirstError first_error;
  google::protobuf::TextFormat::Parser parser;
  parser.RecordErrorsTo(&first_error);
  parser.SetRecursionLimit(kMaxDepth);
  if (!parser.ParseFromString(std::string(text), &message)) {
    return ErrorStatus(message.GetDescriptor(), text, file_name,
                       first_error.error().value_or(ParseError{-1, 0, "not a prototxt"}));
  }
  const std::string path = FindNoUtf8(message);
  if (path.empty()) return absl::OkStatus();
  return absl::InvalidArgumentError(
      absl::StrCat(file_name, ": ", path, ": its escapes make bytes that are no text (UTF-8); write the characters"));
}

absl::StatusOr<v1::pulsar::PulsarConfiguration> ParsePulsarPrototxt(absl::string_view text,
                                                                    absl::string_view file_name) {
  v1::pulsar::PulsarConfiguration configuration;
  RETURN_IF_ERROR(ParsePrototxt(text, file_name, configuration));
  return configuration;
}

}  // namespace joinery::compiler
