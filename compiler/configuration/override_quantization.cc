#include <algorithm>
#include <utility>

#include "absl/strings/ascii.h"
#include "absl/strings/str_cat.h"
#include "absl/strings/str_replace.h"
#include "absl/strings/str_split.h"
#include "base/status.h"
#include "compiler/configuration/configuration.h"
#include "compiler/configuration/nearest_name.h"
#include "compiler/configuration/node_pattern.h"

namespace joinery::compiler {
namespace {

using ::joinery::v1::pulsar::JoineryConf;

template <typename Value>
struct Word {
  std::string word;
  Value value;
};

// Regardless of case and of how words are joined: MinMax, min-max and min_max are one.
std::string Plain(absl::string_view word) {
  return absl::StrReplaceAll(absl::AsciiStrToLower(word), {{"_", ""}, {"-", ""}});
}

template <typename Value>
absl::StatusOr<Value> ValueOf(absl::string_view option, const std::string& text,
                              const std::vector<Word<Value>>& words) {
  std::vector<std::string> known;
  known.reserve(words.size());
  for (const Word<Value>& word : words) {
    if (Plain(word.word) == Plain(text)) return word.value;
    known.push_back(word.word);
  }
  return absl::InvalidArgumentError(
      absl::StrCat(option, ": \"", text, "\" is no value of it; ", SuggestName(text, known)));
}

absl::StatusOr<JoineryConf::Preset> PresetOf(const std::string& text) {
  return ValueOf<JoineryConf::Preset>("--preset", text,
                                      {{"fast", JoineryConf::PRESET_FAST},
                                       {"balanced", JoineryConf::PRESET_BALANCED},
                                       {"accurate", JoineryConf::PRESET_ACCURATE}});
}

absl::StatusOr<JoineryConf::RangeMethod> RangeMethodOf(const std::string& text) {
  return ValueOf<JoineryConf::RangeMethod>("--calibration-method", text,
                                           {{"min_max", JoineryConf::RANGE_METHOD_MIN_MAX},
                                            {"mse", JoineryConf::RANGE_METHOD_MSE},
                                            {"moving_average", JoineryConf::RANGE_METHOD_MOVING_AVERAGE},
                                            {"percentile", JoineryConf::RANGE_METHOD_PERCENTILE},
                                            {"entropy", JoineryConf::RANGE_METHOD_ENTROPY},
                                            {"kl", JoineryConf::RANGE_METHOD_ENTROPY}});
}

// "PATTERN=16"; the pattern may have equals signs of its own.
absl::StatusOr<JoineryConf::LayerConfig> LayerBitsOf(const std::string& text) {
  const size_t equals = text.rfind('=');
  if (equals == std::string::npos || equals == 0) {
    return absl::InvalidArgumentError(
        absl::StrCat("--layer-bits: \"", text, "\" is not like PATTERN=16; as 'Conv_.*=16' or 'Softmax_12=float'"));
  }
  const std::string pattern = text.substr(0, equals);
  RETURN_IF_ERROR(CheckNodePattern(pattern, "--layer-bits"));
  ASSIGN_OR_RETURN(const JoineryConf::LayerBits bits,
                   ValueOf<JoineryConf::LayerBits>("--layer-bits", text.substr(equals + 1),
                                                   {{"8", JoineryConf::LAYER_BITS_8},
                                                    {"16", JoineryConf::LAYER_BITS_16},
                                                    {"float", JoineryConf::LAYER_BITS_FLOAT}}));
  JoineryConf::LayerConfig config;
  config.add_layer_name_patterns(pattern);
  config.set_bits(bits);
  return config;
}

bool IsName(absl::string_view text) {
  return !text.empty() && std::all_of(text.begin(), text.end(), [](unsigned char letter) {
    return absl::ascii_isalnum(letter) || letter == '_';
  });
}

absl::Status SetTarget(const std::string& text, v1::Target& target) {
  const std::vector<std::string> words = absl::StrSplit(absl::AsciiStrToUpper(text), absl::MaxSplits(':', 1));
  if (!std::all_of(words.begin(), words.end(), IsName)) {
    return absl::InvalidArgumentError(absl::StrCat("--target: \"", text, "\" is not like AX630C or AX630C:NPU1"));
  }
  target.set_hardware(words.front());
  target.set_virtual_npu(words.size() > 1 ? words[1] : "AUTO");
  return absl::OkStatus();
}

absl::Status ApplyTo(const QuantizationOverrides& overrides, JoineryConf& conf) {
  if (overrides.preset) {
    ASSIGN_OR_RETURN(const JoineryConf::Preset preset, PresetOf(*overrides.preset));
    conf.set_preset(preset);
    // A complete configuration has every algorithm switched; the preset that is asked for now decides anew.
    conf.clear_cross_layer_equalization();
    conf.clear_weight_rounding();
    conf.clear_bias_correction();
    conf.clear_scale_refinement();
  }
  if (overrides.calibration_method) {
    ASSIGN_OR_RETURN(const JoineryConf::RangeMethod method, RangeMethodOf(*overrides.calibration_method));
    conf.set_range_method(method);
  }
  if (overrides.target_cosine) {
    if (!(*overrides.target_cosine > 0 && *overrides.target_cosine < 1)) {
      return absl::InvalidArgumentError(absl::StrCat("--target-cosine: ", *overrides.target_cosine,
                                                     " is not between 0 and 1; 0.998 is a strict target"));
    }
    conf.set_target_cosine(*overrides.target_cosine);
  }
  if (overrides.target_sqnr_db) {
    if (!(*overrides.target_sqnr_db > 0 && *overrides.target_sqnr_db <= 100)) {
      return absl::InvalidArgumentError(absl::StrCat("--target-sqnr: ", *overrides.target_sqnr_db,
                                                     " is not a number of decibels up to 100; 22 is a strict target"));
    }
    conf.set_target_sqnr_db(*overrides.target_sqnr_db);
  }
  for (const std::string& text : overrides.layer_bits) {
    ASSIGN_OR_RETURN(*conf.add_layer_configs(), LayerBitsOf(text));
  }
  if (!overrides.cut_tensors.empty()) {
    conf.mutable_cut_tensors()->Assign(overrides.cut_tensors.begin(), overrides.cut_tensors.end());
  }
  if (overrides.target) RETURN_IF_ERROR(SetTarget(*overrides.target, *conf.mutable_deployment()->mutable_target()));
  return absl::OkStatus();
}

JoineryConf& MutableConf(Configuration& configuration) {
  return *std::visit([](auto& dialect) { return dialect.mutable_joinery_conf(); }, configuration);
}

}  // namespace

absl::Status ApplyOverrides(const QuantizationOverrides& overrides, Configuration& configuration) {
  Configuration result = configuration;
  RETURN_IF_ERROR(ApplyTo(overrides, MutableConf(result)));
  configuration = std::move(result);
  return absl::OkStatus();
}

}  // namespace joinery::compiler
