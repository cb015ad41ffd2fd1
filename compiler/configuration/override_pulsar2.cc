#include <google/protobuf/descriptor.h>

#include <algorithm>
#include <cstddef>
#include <cstdint>
#include <iterator>
#include <nlohmann/json.hpp>

#include "absl/strings/numbers.h"
#include "absl/strings/str_cat.h"
#include "absl/strings/str_split.h"
#include "base/status.h"
#include "compiler/configuration/message_from_json.h"
#include "compiler/configuration/pulsar2.h"

namespace joinery::compiler {
namespace {

using ::google::protobuf::Descriptor;
using ::google::protobuf::FieldDescriptor;
using ::joinery::v1::pulsar::JoineryConf;
using ::joinery::v1::pulsar2::BuildConfig;
using ::nlohmann::json;

constexpr absl::string_view kBlocks[] = {"onnx_opt", "quant", "compiler", "debug"};
constexpr absl::string_view kElsewhere[] = {"input", "output_dir", "target_hardware"};

template <size_t kSize>
bool Contains(const absl::string_view (&names)[kSize], absl::string_view name) {
  return std::find(std::begin(names), std::end(names), name) != std::end(names);
}

std::string ValuesOf(const FieldDescriptor& field) {
  if (field.cpp_type() == FieldDescriptor::CPPTYPE_BOOL) return "0 or 1; 1 if it is left out";
  if (field.enum_type() == nullptr) return field.cpp_type() == FieldDescriptor::CPPTYPE_STRING ? "" : "a number";
  std::vector<std::string> names;
  for (int i = 0; i < field.enum_type()->value_count(); ++i) {
    const std::string& name = field.enum_type()->value(i)->name();
    if (name.find("UNSPECIFIED") == std::string::npos) names.push_back(name);
  }
  std::string values;
  for (const std::string& name : names) absl::StrAppend(&values, values.empty() ? "" : ", ", name);
  return values;
}

void AddOptions(const Descriptor& descriptor, const std::string& prefix, std::vector<Pulsar2Option>& options) {
  for (int i = 0; i < descriptor.field_count(); ++i) {
    const FieldDescriptor& field = *descriptor.field(i);
    if (field.cpp_type() == FieldDescriptor::CPPTYPE_MESSAGE) {
      const bool is_block = prefix.empty() && Contains(kBlocks, field.name());
      if (is_block) AddOptions(*field.message_type(), field.name() + ".", options);
      continue;
    }
    if (prefix.empty() && Contains(kElsewhere, field.name())) continue;
    options.push_back({.path = prefix + field.name(),
                       .is_flag = field.cpp_type() == FieldDescriptor::CPPTYPE_BOOL,
                       .is_list = field.is_repeated(),
                       .values = ValuesOf(field)});
  }
}

const FieldDescriptor* FindField(const std::string& path) {
  const Descriptor* descriptor = BuildConfig::descriptor();
  const FieldDescriptor* field = nullptr;
  for (const std::string& name : std::vector<std::string>(absl::StrSplit(path, '.'))) {
    if (descriptor == nullptr) return nullptr;
    field = descriptor->FindFieldByName(name);
    if (field == nullptr) return nullptr;
    descriptor = field->message_type();
  }
  return field;
}

// The word as the field's type has it; what cannot be stays a string, which reading it then refuses by name.
json ToJson(const FieldDescriptor& field, const std::string& word) {
  bool truth = false;
  int64_t whole = 0;
  double real = 0;
  switch (field.cpp_type()) {
    case FieldDescriptor::CPPTYPE_BOOL:
      if (word.empty()) return true;
      return absl::SimpleAtob(word, &truth) ? json(truth) : json(word);
    case FieldDescriptor::CPPTYPE_INT32:
      return absl::SimpleAtoi(word, &whole) ? json(whole) : json(word);
    case FieldDescriptor::CPPTYPE_FLOAT:
    case FieldDescriptor::CPPTYPE_DOUBLE:
      return absl::SimpleAtod(word, &real) ? json(real) : json(word);
    default:
      return word;
  }
}

json ToJson(const FieldDescriptor& field, const std::vector<std::string>& words) {
  if (!field.is_repeated()) return ToJson(field, words.empty() ? "" : words.back());
  json list = json::array();
  for (const std::string& word : words) list.push_back(ToJson(field, word));
  return list;
}

// What joinery_conf says of the same, which otherwise would beat the option.
void ClearOwnSettings(const std::string& path, JoineryConf& conf) {
  if (path == "quant.calibration_method") conf.clear_range_method();
  if (path == "quant.enable_smooth_quant" || path == "quant.smooth_quant_strength") conf.clear_smooth_quant_strength();
  const bool trains = path == "quant.enable_adaround" || path == "quant.enable_brecq" || path == "quant.enable_lsq";
  const bool disables = path == "quant.disable_quant_optimization";
  if (trains || disables) conf.clear_weight_rounding();
  if (trains || disables || path == "quant.enable_easy_quant" || path == "quant.disable_auto_refine_scale") {
    conf.clear_scale_refinement();
  }
  if (disables) {
    conf.clear_cross_layer_equalization();
    conf.clear_bias_correction();
  }
}

}  // namespace

std::vector<Pulsar2Option> Pulsar2Options() {
  std::vector<Pulsar2Option> options;
  AddOptions(*BuildConfig::descriptor(), "", options);
  return options;
}

absl::Status ApplyOverrides(const Pulsar2Overrides& overrides, BuildConfig& configuration) {
  BuildConfig result = configuration;
  for (const auto& [path, words] : overrides) {
    const FieldDescriptor* field = FindField(path);
    if (field == nullptr) return absl::InvalidArgumentError(absl::StrCat("--", path, ": there is no such option"));
    json value = ToJson(*field, words);
    const std::vector<std::string> names = absl::StrSplit(path, '.');
    for (auto name = names.rbegin(); name != names.rend(); ++name) value = json{{*name, std::move(value)}};
    if (const absl::Status status = ReadJson(value, "", result); !status.ok()) {
      return absl::InvalidArgumentError(absl::StrCat("--", status.message()));
    }
    ClearOwnSettings(path, *result.mutable_joinery_conf());
  }
  configuration = std::move(result);
  return absl::OkStatus();
}

}  // namespace joinery::compiler
