#include <google/protobuf/descriptor.h>

#include "absl/strings/ascii.h"
#include "absl/strings/str_cat.h"
#include "base/status.h"
#include "compiler/configuration/nearest_name.h"
#include "compiler/configuration/pulsar_prototxt.h"

namespace joinery::compiler {
namespace {

using ::google::protobuf::EnumDescriptor;
using ::google::protobuf::RepeatedPtrField;
using ::joinery::v1::pulsar::PulsarConf;
using ::joinery::v1::pulsar::PulsarConfiguration;
using ::joinery::v1::pulsar::TensorConf;

using TensorConfs = RepeatedPtrField<TensorConf>;

// A word of the command line and the enum value it stands for.
struct Word {
  std::string word;
  int value;
};

absl::StatusOr<int> ValueOf(absl::string_view option, const std::string& text, const std::vector<Word>& words) {
  std::vector<std::string> known;
  known.reserve(words.size());
  for (const Word& word : words) {
    if (word.word == text) return word.value;
    known.push_back(word.word);
  }
  return absl::InvalidArgumentError(
      absl::StrCat(option, ": \"", text, "\" is no value of it; ", SuggestName(text, known)));
}

// The values of an enum whose names begin with `prefix`, by what follows it.
std::vector<Word> WordsOf(const EnumDescriptor* descriptor, const std::string& prefix, bool lower_case) {
  std::vector<Word> words;
  for (int i = 0; i < descriptor->value_count(); ++i) {
    const std::string& name = descriptor->value(i)->name();
    if (name.compare(0, prefix.size(), prefix) != 0) continue;
    const std::string word = name.substr(prefix.size());
    words.push_back({lower_case ? absl::AsciiStrToLower(word) : word, descriptor->value(i)->number()});
  }
  return words;
}

std::vector<Word> ColorWords() {
  return WordsOf(v1::pulsar::TensorConf_ColorSpace_descriptor(), "TENSOR_COLOR_SPACE_", true);
}

absl::Status OverrideHardware(const std::string& text, PulsarConfiguration& configuration) {
  std::vector<Word> words =
      WordsOf(v1::pulsar::PulsarConfiguration_TargetHardware_descriptor(), "TARGET_HARDWARE_", false);
  words.erase(words.begin());  // UNSPECIFIED, which no command line says.
  ASSIGN_OR_RETURN(const int value, ValueOf("--target_hardware", text, words));
  configuration.set_target_hardware(static_cast<PulsarConfiguration::TargetHardware>(value));
  return absl::OkStatus();
}

// The option is one for both chips, the fields are two: the one that is not the target's is set back to AUTO.
absl::Status OverrideVirtualNpu(const std::string& text, PulsarConfiguration& configuration) {
  const bool ax620 = configuration.target_hardware() != PulsarConfiguration::TARGET_HARDWARE_AX630;
  const bool ax630 = configuration.target_hardware() != PulsarConfiguration::TARGET_HARDWARE_AX620;
  std::vector<Word> known;
  const std::vector<Word> ax620_words =
      WordsOf(v1::pulsar::PulsarConf_Ax620VirtualNpu_descriptor(), "AX620_VIRTUAL_NPU_MODE_", true);
  const std::vector<Word> ax630_words =
      WordsOf(v1::pulsar::PulsarConf_VirtualNpu_descriptor(), "VIRTUAL_NPU_MODE_", true);
  if (ax620) known.insert(known.end(), ax620_words.begin(), ax620_words.end());
  if (ax630) known.insert(known.end(), ax630_words.begin(), ax630_words.end());
  const std::string word = absl::AsciiStrToLower(text);
  RETURN_IF_ERROR(ValueOf("--virtual_npu", word, known).status());
  const absl::StatusOr<int> ax620_value = ValueOf("--virtual_npu", word, ax620_words);
  const absl::StatusOr<int> ax630_value = ValueOf("--virtual_npu", word, ax630_words);
  PulsarConf& conf = *configuration.mutable_pulsar_conf();
  conf.clear_ax620_virtual_npu();
  conf.clear_virtual_npu();
  if (ax620 && ax620_value.ok()) conf.set_ax620_virtual_npu(static_cast<PulsarConf::Ax620VirtualNpu>(*ax620_value));
  if (ax630 && ax630_value.ok()) conf.set_virtual_npu(static_cast<PulsarConf::VirtualNpu>(*ax630_value));
  return absl::OkStatus();
}

// Sets `field` for all inputs, also back to its default, which a conf without name cannot do.
template <typename Clear, typename Set>
void SetForAll(TensorConfs* older, TensorConfs* newer, const Clear& clear, const Set& set) {
  for (TensorConf& conf : *older) clear(conf);
  for (TensorConf& conf : *newer) clear(conf);
  set(*newer->Add());
}

absl::Status OverrideColor(absl::string_view option, const std::string& text, TensorConfs* older, TensorConfs* newer) {
  ASSIGN_OR_RETURN(const int value, ValueOf(option, text, ColorWords()));
  SetForAll(
      older, newer, [](TensorConf& conf) { conf.clear_color_space(); },
      [&](TensorConf& conf) { conf.set_color_space(static_cast<TensorConf::ColorSpace>(value)); });
  return absl::OkStatus();
}

absl::Status OverrideOutputLayout(const std::string& text, PulsarConfiguration& configuration) {
  ASSIGN_OR_RETURN(const int value, ValueOf("--output_tensor_layout", text,
                                            WordsOf(v1::pulsar::TensorConf_TensorLayout_descriptor(), "", true)));
  TensorConfs none;
  SetForAll(
      &none, configuration.mutable_dst_output_tensors(), [](TensorConf& conf) { conf.clear_tensor_layout(); },
      [&](TensorConf& conf) { conf.set_tensor_layout(static_cast<TensorConf::TensorLayout>(value)); });
  return absl::OkStatus();
}

absl::Status OverrideColorStandard(const std::string& text, PulsarConfiguration& configuration) {
  const std::vector<Word> words = {{"legacy", TensorConf::CSC_LEGACY},
                                   {"studio", TensorConf::CSS_ITU_BT601_STUDIO_SWING},
                                   {"full", TensorConf::CSS_ITU_BT601_FULL_SWING}};
  ASSIGN_OR_RETURN(const int value, ValueOf("--color_std", text, words));
  SetForAll(
      configuration.mutable_output_tensors(), configuration.mutable_dst_input_tensors(),
      [](TensorConf& conf) { conf.clear_color_standard(); },
      [&](TensorConf& conf) { conf.set_color_standard(static_cast<TensorConf::ColorStandard>(value)); });
  return absl::OkStatus();
}

absl::Status OverrideBatches(const PulsarOverrides& overrides, PulsarConfiguration& configuration) {
  if (overrides.batch_size_option) {
    ASSIGN_OR_RETURN(const int value, ValueOf("--batch_size_option", *overrides.batch_size_option,
                                              WordsOf(v1::pulsar::PulsarConf_BatchSizeOption_descriptor(), "", false)));
    configuration.mutable_pulsar_conf()->set_batch_size_option(static_cast<PulsarConf::BatchSizeOption>(value));
  }
  if (!overrides.compile_batch_sizes.empty()) {
    configuration.mutable_pulsar_conf()->clear_batch_size();
    for (const int32_t size : overrides.compile_batch_sizes) {
      if (size < 1) {
        return absl::InvalidArgumentError(
            absl::StrCat("--compile_batch_size: ", size, " is no batch size; use 1 or more"));
      }
      configuration.mutable_pulsar_conf()->add_batch_size(size);
    }
  }
  if (overrides.calibration_batch_size) {
    if (*overrides.calibration_batch_size < 1) {
      return absl::InvalidArgumentError(absl::StrCat("--calibration_batch_size: ", *overrides.calibration_batch_size,
                                                     " is no batch size; use 1 or more"));
    }
    configuration.mutable_neuwizard_conf()->mutable_dataset_conf_calibration()->set_batch_size(
        *overrides.calibration_batch_size);
  }
  return absl::OkStatus();
}

}  // namespace

absl::Status ApplyOverrides(const PulsarOverrides& overrides, PulsarConfiguration& configuration) {
  PulsarConfiguration result = configuration;
  // The chip first: it decides what the virtual NPU's words mean.
  if (overrides.target_hardware) RETURN_IF_ERROR(OverrideHardware(*overrides.target_hardware, result));
  if (overrides.virtual_npu) RETURN_IF_ERROR(OverrideVirtualNpu(*overrides.virtual_npu, result));
  if (overrides.input_tensor_color) {
    RETURN_IF_ERROR(OverrideColor("--input_tensor_color", *overrides.input_tensor_color, result.mutable_input_tensors(),
                                  result.mutable_src_input_tensors()));
  }
  if (overrides.output_tensor_color) {
    RETURN_IF_ERROR(OverrideColor("--output_tensor_color", *overrides.output_tensor_color,
                                  result.mutable_output_tensors(), result.mutable_dst_input_tensors()));
  }
  if (overrides.output_tensor_layout) RETURN_IF_ERROR(OverrideOutputLayout(*overrides.output_tensor_layout, result));
  if (overrides.color_standard) RETURN_IF_ERROR(OverrideColorStandard(*overrides.color_standard, result));
  RETURN_IF_ERROR(OverrideBatches(overrides, result));
  configuration = std::move(result);
  return absl::OkStatus();
}

}  // namespace joinery::compiler
