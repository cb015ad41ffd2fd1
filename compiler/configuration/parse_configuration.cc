#include <google/protobuf/text_format.h>
#include <google/protobuf/util/json_util.h>

#include <algorithm>
#include <set>

#include "absl/strings/ascii.h"
#include "absl/strings/match.h"
#include "absl/strings/str_cat.h"
#include "absl/strings/str_split.h"
#include "base/status.h"
#include "compiler/configuration/configuration.h"
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

// The words outside of all blocks, strings and comments; good enough to tell two schemas apart.
std::set<std::string> TopLevelWords(absl::string_view text) {
  std::set<std::string> words;
  int depth = 0;
  for (size_t i = 0; i < text.size(); ++i) {
    const char c = text[i];
    if (c == '#') {
      i = std::min(text.find('\n', i), text.size());
    } else if (c == '"' || c == '\'') {
      i = std::min(text.find(c, i + 1), text.size());
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

absl::StatusOr<Configuration> ParsePulsar2Yaml(absl::string_view text, absl::string_view file_name) {
  ASSIGN_OR_RETURN(const nlohmann::json json, ParseYamlText(text, file_name));
  BuildConfig configuration;
  if (const absl::Status status = ReadJson(json, "", configuration); !status.ok()) {
    return base::Annotate(status, std::string(file_name));
  }
  return configuration;
}

ConfiguredFiles FilesOfPulsar(const PulsarConfiguration& source) {
  return {.model = source.input_path(),
          .output = source.output_path(),
          .calibration = source.neuwizard_conf().dataset_conf_calibration().path(),
          .input_shapes = {}};
}

absl::StatusOr<ConfiguredFiles> FilesOfPulsar2(const BuildConfig& source) {
  ConfiguredFiles files;
  files.model = source.input();
  if (!source.output_dir().empty()) {
    files.output = absl::StrCat(source.output_dir(), absl::EndsWith(source.output_dir(), "/") ? "" : "/",
                                source.output_name().empty() ? "compiled.axmodel" : source.output_name());
  }
  for (int i = 0; i < source.quant().input_configs_size(); ++i) {
    const std::string& path = source.quant().input_configs(i).calibration_dataset();
    if (path.empty() || path == files.calibration) continue;
    if (!files.calibration.empty()) {
      return absl::InvalidArgumentError(
          absl::StrCat("quant.input_configs[", i,
                       "].calibration_dataset: differs from another input's; make one archive that has a ",
                       "folder with the name of each input, and give it for all"));
    }
    files.calibration = path;
  }
  for (const absl::string_view shape : absl::StrSplit(source.input_shapes(), ';', absl::SkipWhitespace())) {
    files.input_shapes.emplace_back(absl::StripAsciiWhitespace(shape));
  }
  return files;
}

void SetFilesOfPulsar2(const ConfiguredFiles& files, BuildConfig& configuration) {
  const size_t slash = files.output.rfind('/');
  configuration.set_input(files.model);
  configuration.set_output_dir(slash == std::string::npos ? "." : files.output.substr(0, slash));
  configuration.set_output_name(slash == std::string::npos ? files.output : files.output.substr(slash + 1));
  auto& configs = *configuration.mutable_quant()->mutable_input_configs();
  if (configs.empty()) configs.Add();
  for (auto& config : configs) config.set_calibration_dataset(files.calibration);
}

}  // namespace

absl::StatusOr<Configuration> ParseConfiguration(absl::string_view text, absl::string_view file_name) {
  RETURN_IF_ERROR(CheckText(text, file_name));
  if (HasSuffix(file_name, ".toml")) {
    return absl::InvalidArgumentError(
        absl::StrCat(file_name, ": TOML is not read; write the configuration as JSON, YAML or prototxt"));
  }
  if (IsJson(text, file_name)) return ParsePulsar2Json(text, file_name);
  if (IsYaml(text, file_name)) return ParsePulsar2Yaml(text, file_name);
  if (!IsPulsar2Prototxt(text)) return ParsePulsarPrototxt(text, file_name);
  BuildConfig configuration;
  RETURN_IF_ERROR(ParsePrototxt(text, file_name, configuration));
  return configuration;
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
    pulsar->mutable_neuwizard_conf()->mutable_dataset_conf_calibration()->set_path(files.calibration);
    return;
  }
  SetFilesOfPulsar2(files, std::get<BuildConfig>(configuration));
}

}  // namespace joinery::compiler
