#include "compiler/target/validate_target.h"

#include <cmath>
#include <set>
#include <string>
#include <vector>

#include "absl/strings/ascii.h"
#include "absl/strings/str_cat.h"
#include "absl/strings/str_split.h"
#include "absl/strings/string_view.h"
#include "base/status.h"
#include "compiler/configuration/nearest_name.h"
#include "google/protobuf/descriptor.h"
#include "onnx/defs/schema.h"

namespace joinery::compiler {
namespace {

template <typename... Parts>
absl::Status Wrong(const Parts&... parts) {
  return absl::InvalidArgumentError(absl::StrCat(parts...));
}

absl::Status CheckName(const std::string& name, absl::string_view what) {
  if (name.empty()) return Wrong(what, " has no name");
  for (const char c : name) {
    if (!absl::ascii_isalnum(static_cast<unsigned char>(c)) && c != '_' && c != '-' && c != '.') {
      return Wrong(what, " \"", name, "\": names have letters, digits, '_', '-' and '.' only");
    }
  }
  return absl::OkStatus();
}

// Each name once; case does not count.
template <typename Named>
absl::Status TakeNames(const Named& named, absl::string_view what, std::set<std::string>& taken) {
  std::vector<std::string> names(named.aliases().begin(), named.aliases().end());
  names.push_back(named.name());
  for (const std::string& name : names) {
    RETURN_IF_ERROR(CheckName(name, what));
    if (!taken.insert(absl::AsciiStrToUpper(name)).second) return Wrong(what, " has the name \"", name, "\" twice");
  }
  return absl::OkStatus();
}

absl::Status CheckFigure(const v1::Figure& figure, absl::string_view field) {
  if (!std::isfinite(figure.value()) || figure.value() <= 0) {
    return Wrong(field, ": the value must be a number above 0; leave the field out if it is not known");
  }
  if (figure.source().empty()) return Wrong(field, ": say in `source` where the figure is from");
  return absl::OkStatus();
}

// Every Figure that `message` has, however deep.
absl::Status CheckFigures(const google::protobuf::Message& message, const std::string& prefix) {
  using google::protobuf::FieldDescriptor;
  if (message.GetDescriptor() == v1::Figure::descriptor()) {
    return CheckFigure(static_cast<const v1::Figure&>(message), prefix);
  }
  const google::protobuf::Reflection& reflection = *message.GetReflection();
  std::vector<const FieldDescriptor*> fields;
  reflection.ListFields(message, &fields);
  for (const FieldDescriptor* field : fields) {
    if (field->cpp_type() != FieldDescriptor::CPPTYPE_MESSAGE) continue;
    const std::string name = prefix.empty() ? field->name() : absl::StrCat(prefix, ".", field->name());
    if (!field->is_repeated()) {
      RETURN_IF_ERROR(CheckFigures(reflection.GetMessage(message, field), name));
      continue;
    }
    for (int i = 0; i < reflection.FieldSize(message, field); ++i) {
      RETURN_IF_ERROR(CheckFigures(reflection.GetRepeatedMessage(message, field, i), absl::StrCat(name, "[", i, "]")));
    }
  }
  return absl::OkStatus();
}

absl::Status CheckModes(const v1::TargetDescription& target) {
  if (target.modes_size() == 0) return Wrong("`modes` is empty: give at least one, the default");
  std::set<std::string> taken;
  for (const v1::NpuMode& mode : target.modes()) {
    RETURN_IF_ERROR(TakeNames(mode, "an NPU mode", taken));
    if (!target.cpu_only() && !mode.has_peak_tops()) {
      return Wrong("mode ", mode.name(), " has no peak_tops; say what the NPU reaches, or set cpu_only");
    }
  }
  return absl::OkStatus();
}

// Attributes of the operator in any opset; an operator that ONNX does not have is its domain's affair.
std::vector<std::string> KnownAttributes(const v1::OperatorRule& rule) {
  std::set<std::string> names;
  const onnx::OpSchema* schema = onnx::OpSchemaRegistry::Schema(rule.op_type(), rule.domain());
  while (schema != nullptr) {
    for (const auto& [name, attribute] : schema->attributes()) names.insert(name);
    const int before = schema->since_version() - 1;
    schema = before < 1 ? nullptr : onnx::OpSchemaRegistry::Schema(rule.op_type(), before, rule.domain());
  }
  return {names.begin(), names.end()};
}

absl::Status CheckOperatorExists(const v1::OperatorRule& rule) {
  if (!rule.domain().empty() || onnx::OpSchemaRegistry::Schema(rule.op_type()) != nullptr) return absl::OkStatus();
  std::vector<std::string> known;
  for (const onnx::OpSchema& schema : onnx::OpSchemaRegistry::get_all_schemas()) {
    if (schema.domain().empty()) known.push_back(schema.Name());
  }
  std::string suggestion = SuggestName(rule.op_type(), known);
  // The list of all of ONNX helps nobody.
  if (suggestion.size() > 100) suggestion = "set `domain` if it is not ONNX's";
  return Wrong("operator \"", rule.op_type(), "\" does not exist in ONNX; ", suggestion);
}

absl::Status CheckAttributeLimit(const v1::AttributeLimit& limit, const v1::OperatorRule& rule,
                                 const std::vector<std::string>& known) {
  const auto exists = [&](absl::string_view name) {
    for (const std::string& other : known) {
      if (other == name) return true;
    }
    return !rule.domain().empty();
  };
  if (!exists(limit.name())) {
    return Wrong("operator ", rule.op_type(), " has no attribute \"", limit.name(), "\"; ",
                 SuggestName(limit.name(), known));
  }
  for (const std::string& condition : limit.only_if()) {
    const std::pair<std::string, std::string> other = absl::StrSplit(condition, absl::MaxSplits('=', 1));
    if (other.second.empty() || !exists(other.first)) {
      return Wrong("operator ", rule.op_type(), ": only_if \"", condition, "\" is not ATTRIBUTE=VALUE");
    }
  }
  if (limit.has_min() && limit.has_max() && limit.min() > limit.max()) {
    return Wrong("operator ", rule.op_type(), ", attribute ", limit.name(), ": min is above max");
  }
  const bool says_something =
      limit.never() || limit.ints_size() > 0 || limit.strings_size() > 0 || limit.has_min() || limit.has_max();
  if (says_something) return absl::OkStatus();
  return Wrong("operator ", rule.op_type(), ", attribute ", limit.name(),
               ": give never, ints, strings, min or max, or leave the limit out");
}

absl::Status CheckShapeLimit(const v1::ShapeLimit& limit, const v1::OperatorRule& rule) {
  const absl::string_view op = rule.op_type();
  if (limit.index() < 0) return Wrong("operator ", op, ": the index ", limit.index(), " of a shape limit is negative");
  const onnx::OpSchema* schema = onnx::OpSchemaRegistry::Schema(rule.op_type(), rule.domain());
  if (schema != nullptr && limit.index() >= (limit.of_output() ? schema->max_output() : schema->max_input())) {
    return Wrong("operator ", op, " has no ", limit.of_output() ? "output " : "input ", limit.index());
  }
  if (limit.has_min_rank() && limit.has_max_rank() && limit.min_rank() > limit.max_rank()) {
    return Wrong("operator ", op, ", shape ", limit.index(), ": min_rank is above max_rank");
  }
  if (limit.has_min_power_of_two() != limit.has_max_power_of_two()) {
    return Wrong("operator ", op, ", shape ", limit.index(), ": give min_power_of_two and max_power_of_two together");
  }
  return absl::OkStatus();
}

absl::Status CheckStrides(const v1::OperatorRule& rule) {
  for (const std::string& strides : rule.window().strides()) {
    for (const char c : strides) {
      if (!absl::ascii_isdigit(static_cast<unsigned char>(c)) && c != 'x') {
        return Wrong("operator ", rule.op_type(), ": strides \"", strides, "\" are not numbers as in \"2x2\"");
      }
    }
  }
  return absl::OkStatus();
}

absl::Status CheckSlowForms(const v1::OperatorRule& rule, const std::vector<std::string>& known) {
  for (const v1::SlowForm& slow : rule.slow_forms()) {
    if (slow.reason().empty()) return Wrong("operator ", rule.op_type(), ": a slow form needs a `reason`");
    for (const v1::AttributeLimit& limit : slow.when().attributes()) {
      RETURN_IF_ERROR(CheckAttributeLimit(limit, rule, known));
    }
    for (const v1::Form& form : slow.except()) {
      for (const v1::AttributeLimit& limit : form.attributes()) {
        RETURN_IF_ERROR(CheckAttributeLimit(limit, rule, known));
      }
    }
  }
  return absl::OkStatus();
}

absl::Status CheckOperator(const v1::OperatorRule& rule, const v1::TargetDescription& target) {
  if (rule.op_type().empty()) return Wrong("an operator has no op_type");
  RETURN_IF_ERROR(CheckOperatorExists(rule));
  if (rule.source().empty() && target.source().empty()) {
    return Wrong("operator ", rule.op_type(), ": say in `source`, here or of the whole description, where it is from");
  }
  if (rule.attributes_size() > 0 || rule.slow_forms_size() > 0) {
    const std::vector<std::string> known = KnownAttributes(rule);
    for (const v1::AttributeLimit& limit : rule.attributes()) {
      RETURN_IF_ERROR(CheckAttributeLimit(limit, rule, known));
    }
    RETURN_IF_ERROR(CheckSlowForms(rule, known));
  }
  for (const v1::ShapeLimit& limit : rule.shapes()) RETURN_IF_ERROR(CheckShapeLimit(limit, rule));
  return CheckStrides(rule);
}

absl::Status CheckOperators(const v1::TargetDescription& target) {
  if (target.cpu_only() && target.operators_size() > 0) {
    return Wrong("cpu_only is set, but there are operators for an NPU: leave one of them out");
  }
  if (!target.cpu_only() && target.operators_size() == 0) {
    return Wrong("`operators` is empty: list what the NPU runs, name a description to be `like`, or set cpu_only");
  }
  std::set<std::string> seen;
  for (const v1::OperatorRule& rule : target.operators()) {
    RETURN_IF_ERROR(CheckOperator(rule, target));
    if (!seen.insert(absl::StrCat(rule.domain(), "::", rule.op_type())).second) {
      return Wrong("operator ", rule.op_type(), " is listed twice");
    }
  }
  return absl::OkStatus();
}

}  // namespace

absl::Status ValidateTarget(const v1::TargetDescription& target) {
  std::set<std::string> taken;
  RETURN_IF_ERROR(TakeNames(target, "the target", taken));
  if (target.summary().empty()) return Wrong("`summary` is empty: say in a sentence what the chip is");
  RETURN_IF_ERROR(CheckModes(target));
  RETURN_IF_ERROR(CheckFigures(target, ""));
  return CheckOperators(target);
}

}  // namespace joinery::compiler
