#include "compiler/configuration/message_from_json.h"

#include <google/protobuf/descriptor.h>

#include <cmath>
#include <cstddef>
#include <cstdint>
#include <limits>
#include <vector>

#include "absl/status/statusor.h"
#include "absl/strings/numbers.h"
#include "absl/strings/str_cat.h"
#include "base/status.h"
#include "compiler/configuration/nearest_name.h"

namespace joinery::compiler {
namespace {

using ::google::protobuf::Descriptor;
using ::google::protobuf::EnumDescriptor;
using ::google::protobuf::FieldDescriptor;
using ::google::protobuf::Message;
using ::google::protobuf::Reflection;
using ::nlohmann::json;

constexpr size_t kLongestShown = 60;

std::string Join(const std::string& path, const std::string& name) {
  return path.empty() ? name : absl::StrCat(path, ".", name);
}

// For messages: short, whatever the value is.
std::string Shown(const json& value) {
  const std::string text = value.dump(-1, ' ', false, json::error_handler_t::replace);
  return text.size() <= kLongestShown ? text : absl::StrCat("this ", value.type_name());
}

absl::Status Unexpected(const std::string& path, const json& value, absl::string_view expected) {
  return absl::InvalidArgumentError(absl::StrCat(path, ": ", Shown(value), " is not ", expected));
}

std::vector<std::string> FieldNames(const Descriptor& descriptor) {
  std::vector<std::string> names;
  names.reserve(static_cast<size_t>(descriptor.field_count()));
  for (int i = 0; i < descriptor.field_count(); ++i) names.push_back(descriptor.field(i)->name());
  return names;
}

absl::StatusOr<int> EnumValue(const EnumDescriptor& descriptor, const json& value, const std::string& path) {
  if (value.is_number_integer()) {
    const auto number = value.get<int64_t>();
    if (number >= 0 && number < 1000 && descriptor.FindValueByNumber(static_cast<int>(number)) != nullptr) {
      return static_cast<int>(number);
    }
  }
  if (value.is_string()) {
    const auto* found = descriptor.FindValueByName(value.get<std::string>());
    if (found != nullptr) return found->number();
  }
  std::vector<std::string> names;
  names.reserve(static_cast<size_t>(descriptor.value_count()));
  for (int i = 0; i < descriptor.value_count(); ++i) names.push_back(descriptor.value(i)->name());
  return absl::InvalidArgumentError(
      absl::StrCat(path, ": ", Shown(value), " is no value of it; ",
                   SuggestName(value.is_string() ? value.get<std::string>() : Shown(value), names)));
}

// Sets, or adds to, one field.
class FieldReader {
 public:
  FieldReader(Message& message, const FieldDescriptor& field)
      : message_(message), field_(field), reflection_(*message.GetReflection()), adds_(field.is_repeated()) {}

  absl::Status Read(const json& value, const std::string& path) {
    switch (field_.cpp_type()) {
      case FieldDescriptor::CPPTYPE_MESSAGE:
        return ReadJson(
            value, path,
            adds_ ? *reflection_.AddMessage(&message_, &field_) : *reflection_.MutableMessage(&message_, &field_));
      case FieldDescriptor::CPPTYPE_BOOL:
        if (!value.is_boolean()) return Unexpected(path, value, "true or false");
        adds_ ? reflection_.AddBool(&message_, &field_, value.get<bool>())
              : reflection_.SetBool(&message_, &field_, value.get<bool>());
        return absl::OkStatus();
      case FieldDescriptor::CPPTYPE_STRING:
        if (!value.is_string()) return Unexpected(path, value, "a string; put it in double quotes");
        adds_ ? reflection_.AddString(&message_, &field_, value.get<std::string>())
              : reflection_.SetString(&message_, &field_, value.get<std::string>());
        return absl::OkStatus();
      case FieldDescriptor::CPPTYPE_ENUM: {
        ASSIGN_OR_RETURN(const int number, EnumValue(*field_.enum_type(), value, path));
        adds_ ? reflection_.AddEnumValue(&message_, &field_, number)
              : reflection_.SetEnumValue(&message_, &field_, number);
        return absl::OkStatus();
      }
      case FieldDescriptor::CPPTYPE_INT32:
        return ReadInt(value, path);
      case FieldDescriptor::CPPTYPE_INT64:
        return ReadInt64(value, path);
      case FieldDescriptor::CPPTYPE_FLOAT:
      case FieldDescriptor::CPPTYPE_DOUBLE:
        return ReadReal(value, path);
      default:
        return absl::InternalError(absl::StrCat(path, ": a field of type ", field_.cpp_type_name(), " is not read"));
    }
  }

 private:
  absl::Status ReadInt(const json& value, const std::string& path) {
    constexpr auto kMax = std::numeric_limits<int32_t>::max();
    const bool fits = value.is_number_integer() &&
                      (value.is_number_unsigned() ? value.get<uint64_t>() <= uint64_t{kMax}
                                                  : value.get<int64_t>() >= std::numeric_limits<int32_t>::min());
    if (!fits) return Unexpected(path, value, "a whole number of 32 bits");
    const auto number = static_cast<int32_t>(value.get<int64_t>());
    adds_ ? reflection_.AddInt32(&message_, &field_, number) : reflection_.SetInt32(&message_, &field_, number);
    return absl::OkStatus();
  }

  // Also in quotes, as protobuf writes it.
  absl::Status ReadInt64(const json& value, const std::string& path) {
    int64_t number = 0;
    const bool is_quoted = value.is_string() && absl::SimpleAtoi(value.get_ref<const std::string&>(), &number);
    const bool fits =
        value.is_number_integer() &&
        (!value.is_number_unsigned() || value.get<uint64_t>() <= uint64_t{std::numeric_limits<int64_t>::max()});
    if (!is_quoted && !fits) return Unexpected(path, value, "a whole number");
    if (!is_quoted) number = value.get<int64_t>();
    adds_ ? reflection_.AddInt64(&message_, &field_, number) : reflection_.SetInt64(&message_, &field_, number);
    return absl::OkStatus();
  }

  absl::Status ReadReal(const json& value, const std::string& path) {
    if (!value.is_number()) return Unexpected(path, value, "a number");
    const auto number = value.get<double>();
    if (field_.cpp_type() == FieldDescriptor::CPPTYPE_DOUBLE) {
      adds_ ? reflection_.AddDouble(&message_, &field_, number) : reflection_.SetDouble(&message_, &field_, number);
      return absl::OkStatus();
    }
    if (!(std::abs(number) <= std::numeric_limits<float>::max())) {
      return Unexpected(path, value, "a number of 32-bit floating point");
    }
    const auto single = static_cast<float>(number);
    adds_ ? reflection_.AddFloat(&message_, &field_, single) : reflection_.SetFloat(&message_, &field_, single);
    return absl::OkStatus();
  }

  Message& message_;
  const FieldDescriptor& field_;
  const Reflection& reflection_;
  const bool adds_;
};

absl::Status ReadMap(const json& value, const std::string& path, const FieldDescriptor& field, Message& message) {
  if (!value.is_object()) return Unexpected(path, value, "an object: { ... }");
  const Descriptor& entry_type = *field.message_type();
  for (const auto& [key, item] : value.items()) {
    Message& entry = *message.GetReflection()->AddMessage(&message, &field);
    const std::string text =
        item.is_string() ? item.get<std::string>() : item.dump(-1, ' ', false, json::error_handler_t::replace);
    entry.GetReflection()->SetString(&entry, entry_type.map_key(), key);
    entry.GetReflection()->SetString(&entry, entry_type.map_value(), text);
  }
  return absl::OkStatus();
}

absl::Status ReadField(const json& value, const std::string& path, const FieldDescriptor& field, Message& message) {
  if (value.is_null()) return absl::OkStatus();
  if (!field.is_repeated()) return FieldReader(message, field).Read(value, path);
  message.GetReflection()->ClearField(&message, &field);
  if (field.is_map()) return ReadMap(value, path, field, message);
  if (!value.is_array()) return Unexpected(path, value, "a list: [ ... ]");
  FieldReader reader(message, field);
  for (size_t i = 0; i < value.size(); ++i) RETURN_IF_ERROR(reader.Read(value[i], absl::StrCat(path, "[", i, "]")));
  return absl::OkStatus();
}

}  // namespace

absl::Status ReadJson(const json& value, const std::string& path, Message& message) {
  if (!value.is_object()) return Unexpected(path.empty() ? "the configuration" : path, value, "an object: { ... }");
  const Descriptor& descriptor = *message.GetDescriptor();
  for (const auto& [name, item] : value.items()) {
    const FieldDescriptor* field = descriptor.FindFieldByName(name);
    if (field == nullptr) {
      return absl::InvalidArgumentError(absl::StrCat(Join(path, name), ": there is no such field in ",
                                                     descriptor.name(), "; ",
                                                     SuggestName(name, FieldNames(descriptor))));
    }
    RETURN_IF_ERROR(ReadField(item, Join(path, name), *field, message));
  }
  return absl::OkStatus();
}

}  // namespace joinery::compiler
