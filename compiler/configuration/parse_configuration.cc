#include <google/protobuf/text_format.h>
#include <google/protobuf/util/json_util.h>

#include <algorithm>
#include <set>
#include <utility>
#include <vector>

#include "absl/strings/ascii.h"
#include "absl/strings/match.h"
#include "absl/strings/str_cat.h"
#include "absl/strings/str_split.h"
#include "base/file.h"
#include "base/status.h"
#include "compiler/configuration/configuration.h"
#include "compiler/configuration/joinery_dialect.h"
#include "compiler/configuration/json_text.h"
#include "compiler/configuration/message_from_json.h"
#include "compiler/configuration/prototxt.h"
#include "compiler/configuration/text.h"
#include "compiler/configuration/yaml_text.h"

namespace joinery::compiler {
namespace {

using ::joinery::v1::pulsar::PulsarConfiguration;
using ::joinery::v1::pulsar2::BuildConfig;

bool HasSuffix(absl::string_view name, absl::string_view suffix) { return absl::EndsWithIgnoreCase(name, suffix); }

bool IsJson(absl::string_view text, absl::string_view file_name) {
  if (HasSuffix(file_name, ".json")) return true;
  if (HasSuffix(file_name, ".yaml") || HasSuffix(file_name, ".yml")) return false;
  const size_t begin = SkipComments(text);
  return begin < text.size() && text[begin] == '{';
}

// What opens a block first decides: a line that ends in a colon is YAML, a brace is prototxt.
bool IsYaml(absl::string_view text, absl::string_view file_name) {
  if (HasSuffix(file_name, ".yaml") || HasSuffix(file_name, ".yml")) return true;
  for (const absl::string_view line : absl::StrSplit(text, '\n')) {
    const absl::string_view content = absl::StripAsciiWhitespace(line.substr(0, line.find('#')));
    if (absl::StrContains(content, "{") || absl::StrContains(content, "\"")) return false;
    if (absl::EndsWith(content, ":")) return true;
  }
  return false;
}

// Where the string that begins with the quote at `begin` ends.
size_t EndOfString(absl::string_view text, size_t begin) {
  size_t end = begin + 1;
  while (end < text.size() && text[end] != text[begin]) end += text[end] == '\\' ? 2 : 1;
  return std::min(end, text.size());
}

// The words outside of all blocks, strings and comments; good enough to tell two schemas apart.
std::set<std::string> TopLevelWords(absl::string_view text) {
  std::set<std::string> words;
  int depth = 0;
  for (size_t i = 0; i < text.size(); ++i) {
    const char c = text[i];
    if (c == '#') {
      i = std::min(text.find('\n', i), text.size());
    } else if (c == '"' || c == '\'') {
      i = EndOfString(text, i);
    } else if (c == '{' || c == '<') {
      ++depth;
    } else if (c == '}' || c == '>') {
      --depth;
    } else if (depth == 0 && absl::ascii_isalpha(static_cast<unsigned char>(c))) {
      const size_t begin = i;
      while (i < text.size() && (absl::ascii_isalnum(static_cast<unsigned char>(text[i])) || text[i] == '_')) ++i;
      words.emplace(text.substr(begin, i - begin));
      --i;
    }
  }
  return words;
}

bool IsPulsar2Prototxt(absl::string_view text) {
  bool is_pulsar2 = false;
  for (const std::string& word : TopLevelWords(text)) {
    const bool in_pulsar = PulsarConfiguration::descriptor()->FindFieldByName(word) != nullptr;
    const bool in_pulsar2 = BuildConfig::descriptor()->FindFieldByName(word) != nullptr;
    if (in_pulsar && !in_pulsar2) return false;
    is_pulsar2 = is_pulsar2 || (in_pulsar2 && !in_pulsar);
  }
  return is_pulsar2;
}

bool IsJoineryPrototxt(absl::string_view text) {
  const std::set<std::string> words = TopLevelWords(text);
  return HasJoineryField({words.begin(), words.end()});
}

// Of `pulsar2 build`, or Joinery's own.
absl::StatusOr<Configuration> FromJson(const nlohmann::json& json, absl::string_view file_name) {
  std::vector<std::string> names;
  if (json.is_object()) {
    for (const auto& [name, value] : json.items()) names.push_back(name);
  }
  v1::JoineryConfiguration own;
  BuildConfig pulsar2;
  const bool is_own = HasJoineryField(names);
  google::protobuf::Message& message = is_own ? static_cast<google::protobuf::Message&>(own) : pulsar2;
  if (const absl::Status status = ReadJson(json, "", message); !status.ok()) {
    return base::Annotate(status, std::string(file_name));
  }
  if (is_own) return LowerJoinery(own);
  return pulsar2;
}

// Braces are JSON's, and YAML's, too, which needs no quotes within them: what is not the one may be the other. A file
// that is called .json is JSON.
absl::StatusOr<Configuration> ParseBraces(absl::string_view text, absl::string_view file_name) {
  absl::StatusOr<nlohmann::json> json = ParseJsonText(text, file_name);
  if (!json.ok() && !HasSuffix(file_name, ".json")) {
    if (const absl::StatusOr<nlohmann::json> yaml = ParseYamlText(text, file_name); yaml.ok()) json = yaml;
  }
  if (!json.ok()) return json.status();
  return FromJson(*json, file_name);
}

absl::StatusOr<ConfiguredFiles> FilesOfPulsar(const PulsarConfiguration& source) {
  const auto& dataset = source.neuwizard_conf().dataset_conf_calibration();
  ConfiguredFiles files;
  files.model = source.input_path();
  files.output = source.output_path();
  files.calibration = dataset.path();
  for (int i = 0; i < dataset.dataset_conf_items_size(); ++i) {
    const auto& item = dataset.dataset_conf_items(i);
    if (!item.selector().op_name_regex().empty()) {
      return absl::InvalidArgumentError(
          absl::StrCat("neuwizard_conf.dataset_conf_calibration.dataset_conf_items[", i,
                       "].selector.op_name_regex: calibration sets are not selected by patterns; give an item with "
                       "op_name for each input"));
    }
    files.input_calibration.emplace_back(item.selector().op_name(), item.path());
  }
  return files;
}

// The archives of inputs, empty unless there are several: one is for all inputs, with a folder for each.
std::vector<std::pair<std::string, std::string>> SetsOfInputs(const BuildConfig& source) {
  std::vector<std::pair<std::string, std::string>> sets;
  std::set<std::string> paths;
  for (const auto& config : source.quant().input_configs()) {
    if (config.calibration_dataset().empty()) continue;
    paths.insert(config.calibration_dataset());
    sets.emplace_back(config.tensor_name() == "DEFAULT" ? "" : config.tensor_name(), config.calibration_dataset());
  }
  if (paths.size() < 2) sets.clear();
  return sets;
}

absl::StatusOr<ConfiguredFiles> FilesOfPulsar2(const BuildConfig& source) {
  ConfiguredFiles files;
  files.model = source.input();
  if (!source.output_dir().empty()) {
    files.output = absl::StrCat(source.output_dir(), absl::EndsWith(source.output_dir(), "/") ? "" : "/",
                                source.output_name().empty() ? "compiled.axmodel" : source.output_name());
  }
  files.input_calibration = SetsOfInputs(source);
  for (const auto& config : source.quant().input_configs()) {
    if (files.input_calibration.empty() && !config.calibration_dataset().empty()) {
      files.calibration = config.calibration_dataset();
    }
  }
  for (const absl::string_view shape : absl::StrSplit(source.input_shapes(), ';', absl::SkipWhitespace())) {
    files.input_shapes.emplace_back(absl::StripAsciiWhitespace(shape));
  }
  return files;
}

void SetFilesOfPulsar2(const ConfiguredFiles& files, BuildConfig& configuration) {
  const size_t slash = files.output.rfind('/');
  configuration.set_input(files.model);
  if (!files.output.empty()) {
    configuration.set_output_dir(slash == std::string::npos ? "." : files.output.substr(0, slash));
    configuration.set_output_name(slash == std::string::npos ? files.output : files.output.substr(slash + 1));
  }
  auto& configs = *configuration.mutable_quant()->mutable_input_configs();
  if (configs.empty()) configs.Add();
  for (auto& config : configs) {
    const std::string name = config.tensor_name() == "DEFAULT" ? "" : config.tensor_name();
    config.set_calibration_dataset(files.calibration);
    for (const auto& [input, path] : files.input_calibration) {
      if (input == name) config.set_calibration_dataset(path);
    }
  }
}

}  // namespace

absl::StatusOr<Configuration> ParseConfiguration(absl::string_view text, absl::string_view file_name) {
  RETURN_IF_ERROR(CheckText(text, file_name));
  if (HasSuffix(file_name, ".toml")) {
    return absl::InvalidArgumentError(
        absl::StrCat(file_name, ": TOML is not read; write the configuration as JSON, YAML or prototxt"));
  }
  if (IsJson(text, file_name)) return ParseBraces(text, file_name);
  if (IsYaml(text, file_name)) {
    ASSIGN_OR_RETURN(const nlohmann::json json, ParseYamlText(text, file_name));
    return FromJson(json, file_name);
  }
  if (IsJoineryPrototxt(text)) {
    v1::JoineryConfiguration own;
    RETURN_IF_ERROR(ParsePrototxt(text, file_name, own));
    return LowerJoinery(own);
  }
  if (!IsPulsar2Prototxt(text)) return ParsePulsarPrototxt(text, file_name);
  BuildConfig configuration;
  RETURN_IF_ERROR(ParsePrototxt(text, file_name, configuration));
  return configuration;
}

absl::StatusOr<Configuration> ReadConfigurationFile(const std::string& path) {
  ASSIGN_OR_RETURN(const std::string text, base::ReadFile(path, int64_t{kLargestConfiguration}));
  return ParseConfiguration(text, path);
}

absl::StatusOr<ConfiguredFiles> FilesOf(const Configuration& source) {
  if (const auto* pulsar = std::get_if<PulsarConfiguration>(&source)) return FilesOfPulsar(*pulsar);
  return FilesOfPulsar2(std::get<BuildConfig>(source));
}

std::string WriteConfiguration(const Configuration& configuration) {
  std::string text;
  if (const auto* pulsar = std::get_if<PulsarConfiguration>(&configuration)) {
    google::protobuf::TextFormat::PrintToString(*pulsar, &text);
    return text;
  }
  google::protobuf::util::JsonPrintOptions options;
  options.add_whitespace = true;
  options.preserve_proto_field_names = true;
  // Fails only for types this schema does not have.
  const auto status = google::protobuf::util::MessageToJsonString(std::get<BuildConfig>(configuration), &text, options);
  return status.ok() ? text : "";
}

void SetFiles(const ConfiguredFiles& files, Configuration& configuration) {
  if (auto* pulsar = std::get_if<PulsarConfiguration>(&configuration)) {
    pulsar->set_input_path(files.model);
    pulsar->set_output_path(files.output);
    auto& dataset = *pulsar->mutable_neuwizard_conf()->mutable_dataset_conf_calibration();
    dataset.set_path(files.calibration);
    dataset.clear_dataset_conf_items();
    for (const auto& [input, path] : files.input_calibration) {
      auto& item = *dataset.add_dataset_conf_items();
      item.mutable_selector()->set_op_name(input);
      item.set_path(path);
    }
    return;
  }
  SetFilesOfPulsar2(files, std::get<BuildConfig>(configuration));
}

}  // namespace joinery::compiler
