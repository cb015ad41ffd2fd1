#include "compiler/configuration/ignored_fields.h"

#include <google/protobuf/descriptor.h>
#include <google/protobuf/text_format.h>

#include <algorithm>

#include "absl/strings/str_cat.h"

namespace joinery::compiler {
namespace {

using ::google::protobuf::FieldDescriptor;
using ::google::protobuf::Message;
using ::google::protobuf::TextFormat;

// Walks all set fields of one configuration.
class Walk {
 public:
  Walk(absl::Span<const IgnoredField> ignored, const std::function<bool(absl::string_view path)>& is_acted_on)
      : ignored_(ignored), is_acted_on_(is_acted_on) {}

  void VisitMessage(const Message& message, const std::string& schema_path, const std::string& shown_path) {
    std::vector<const FieldDescriptor*> fields;
    message.GetReflection()->ListFields(message, &fields);
    for (const FieldDescriptor* field : fields) VisitField(message, *field, schema_path, shown_path);
  }

  std::vector<std::string> TakeSentences() { return std::move(sentences_); }

 private:
  const IgnoredField* FindIgnored(absl::string_view path) const {
    const auto* found =
        std::find_if(ignored_.begin(), ignored_.end(), [&](const IgnoredField& field) { return field.path == path; });
    return found == ignored_.end() ? nullptr : found;
  }

  void VisitField(const Message& message, const FieldDescriptor& field, const std::string& schema_prefix,
                  const std::string& shown_prefix) {
    const std::string schema_path = absl::StrCat(schema_prefix, field.name());
    const std::string shown_path = absl::StrCat(shown_prefix, field.name());
    if (!field.is_repeated()) return VisitValue(message, field, -1, schema_path, shown_path);
    const int count = message.GetReflection()->FieldSize(message, &field);
    for (int i = 0; i < count; ++i) {
      VisitValue(message, field, i, schema_path, absl::StrCat(shown_path, "[", i, "]"));
    }
  }

  // `index` is -1 for what is not repeated.
  void VisitValue(const Message& message, const FieldDescriptor& field, int index, const std::string& schema_path,
                  const std::string& shown_path) {
    const IgnoredField* ignored = FindIgnored(schema_path);
    if (field.cpp_type() == FieldDescriptor::CPPTYPE_MESSAGE) {
      const auto* reflection = message.GetReflection();
      const Message& child =
          index < 0 ? reflection->GetMessage(message, &field) : reflection->GetRepeatedMessage(message, &field, index);
      if (ignored == nullptr) return VisitMessage(child, schema_path + ".", shown_path + ".");
      if (child.ByteSizeLong() > 0) Report(shown_path, ignored);
      return;
    }
    if (is_acted_on_(schema_path)) return;
    std::string value;
    TextFormat::PrintFieldValueToString(message, &field, index, &value);
    if (ignored != nullptr && ignored->harmless == value) return;
    Report(absl::StrCat(shown_path, ": ", value), ignored);
  }

  void Report(const std::string& what, const IgnoredField* ignored) {
    if (ignored == nullptr) {
      sentences_.push_back(absl::StrCat(what, " is not acted on by this version and has no effect"));
      return;
    }
    sentences_.push_back(absl::StrCat(what, " is not acted on by this version: it would ", ignored->meaning,
                                      "; instead, ", ignored->instead));
  }

  const absl::Span<const IgnoredField> ignored_;
  const std::function<bool(absl::string_view path)>& is_acted_on_;
  std::vector<std::string> sentences_;
};

}  // namespace

std::vector<std::string> DescribeIgnored(const Message& message, absl::Span<const IgnoredField> ignored,
                                         const std::function<bool(absl::string_view path)>& is_acted_on) {
  Walk walk(ignored, is_acted_on);
  walk.VisitMessage(message, "", "");
  return walk.TakeSentences();
}

}  // namespace joinery::compiler
