#include <algorithm>
#include <cstdint>
#include <iterator>
#include <optional>

#include "absl/strings/str_cat.h"
#include "absl/strings/str_join.h"
#include "base/status.h"
#include "compiler/configuration/check_deployment.h"
#include "compiler/configuration/deployment.h"
#include "compiler/configuration/joinery_conf.h"
#include "compiler/configuration/model_edits.h"
#include "compiler/configuration/pulsar2.h"
#include "compiler/configuration/pulsar2_fields.h"
#include "compiler/configuration/pulsar2_inputs.h"
#include "compiler/configuration/pulsar2_outputs.h"
#include "compiler/configuration/pulsar2_quantization.h"

namespace joinery::compiler {
namespace {

using ::joinery::v1::pulsar::JoineryConf;
using ::joinery::v1::pulsar2::BuildConfig;
using ::joinery::v1::pulsar2::InputConfig;
using ::joinery::v1::pulsar2::QuantConfig;

using Warnings = std::vector<std::string>;

constexpr int32_t kDefaultSamples = 32;

// The npu_mode values each chip has.
struct Chip {
  BuildConfig::HardwareType hardware;
  std::vector<BuildConfig::NPUMode> modes;
};

std::vector<Chip> Chips() {
  return {{BuildConfig::AX650, {BuildConfig::NPU1, BuildConfig::NPU2, BuildConfig::NPU3}},
          {BuildConfig::M76H, {BuildConfig::NPU1, BuildConfig::NPU2, BuildConfig::NPU3}},
          {BuildConfig::AX620E, {BuildConfig::NPU1, BuildConfig::NPU2}},
          {BuildConfig::AX615, {BuildConfig::NPU1, BuildConfig::NPU2}},
          {BuildConfig::AX637, {BuildConfig::NPU1}},
          {BuildConfig::M57, {BuildConfig::NPU1}},
          {BuildConfig::AX8860, {BuildConfig::NPU1, BuildConfig::NPU2, BuildConfig::NPU4}}};
}

absl::StatusOr<v1::Target> TranslateTarget(const BuildConfig& source) {
  for (const Chip& chip : Chips()) {
    if (chip.hardware != source.target_hardware()) continue;
    if (std::count(chip.modes.begin(), chip.modes.end(), source.npu_mode()) > 0) break;
    std::vector<std::string> known;
    known.reserve(chip.modes.size());
    for (const BuildConfig::NPUMode mode : chip.modes) known.push_back(BuildConfig::NPUMode_Name(mode));
    return absl::InvalidArgumentError(
        absl::StrCat("npu_mode: ", BuildConfig::NPUMode_Name(source.npu_mode()), " is none of the ",
                     BuildConfig::HardwareType_Name(source.target_hardware()), "; use ", absl::StrJoin(known, ", ")));
  }
  v1::Target target;
  target.set_hardware(BuildConfig::HardwareType_Name(source.target_hardware()));
  target.set_virtual_npu(BuildConfig::NPUMode_Name(source.npu_mode()));
  return target;
}

absl::Status TranslateBatch(const BuildConfig& source, v1::BuildConfiguration& configuration) {
  const auto& sizes = source.compiler().static_batch_sizes();
  const int32_t most = source.compiler().max_dynamic_batch_size();
  if (!sizes.empty() && most != 0) {
    return absl::InvalidArgumentError(
        "compiler.max_dynamic_batch_size: excludes compiler.static_batch_sizes; give one of them");
  }
  for (int i = 0; i < sizes.size(); ++i) {
    if (sizes[i] < 1 || sizes[i] > kLargestBatch) {
      return absl::InvalidArgumentError(absl::StrCat("compiler.static_batch_sizes[", i, "]: ", sizes[i],
                                                     " is no batch size; use 1 to ", kLargestBatch));
    }
  }
  if (most < 0 || most > kLargestBatch) {
    return absl::InvalidArgumentError(absl::StrCat("compiler.max_dynamic_batch_size: ", most,
                                                   " is no batch size; use 1 to ", kLargestBatch, ", or 0 for none"));
  }
  if (std::any_of(sizes.begin(), sizes.end(), [](int size) { return size > 1; })) {
    *configuration.mutable_batch()->mutable_sizes() = sizes;
    configuration.mutable_batch()->set_is_dynamic(sizes.size() > 1);
  }
  if (most <= 1) return absl::OkStatus();
  for (int32_t size = 1; size <= most; size *= 2) configuration.mutable_batch()->add_sizes(size);
  configuration.mutable_batch()->set_is_dynamic(true);
  return absl::OkStatus();
}

// What would build another model than the one asked for is refused rather than warned of.
absl::Status RefuseUnsupported(const BuildConfig& source) {
  if (source.model_type() == v1::pulsar2::QuantAxModel) {
    return absl::InvalidArgumentError(
        "model_type: QuantAxModel is the vendor's own format and is not read; give the ONNX model it was made from");
  }
  const auto refuse = [](absl::string_view field, int count) -> absl::Status {
    if (count == 0) return absl::OkStatus();
    return absl::InvalidArgumentError(
        absl::StrCat(field, ": is not supported by this version; change the ONNX model itself, and remove the field"));
  };
  return refuse("quant_op_processors", source.quant_op_processors_size());
}

// 0 for all, as in Calibration.
absl::StatusOr<int32_t> Samples(const InputConfig& config, const std::string& path) {
  const int32_t size = config.has_calibration_size() ? config.calibration_size() : kDefaultSamples;
  if (size == -1) return 0;
  if (size > 0) return size;
  return absl::InvalidArgumentError(
      absl::StrCat(path, ": ", size, " is no number of samples; use 1 or more, or -1 for all"));
}

// There is one calibration set, with a folder for each input where there are several.
absl::StatusOr<int32_t> SamplesOfAll(const BuildConfig& source, const std::vector<ModelInput>& inputs) {
  std::optional<int32_t> samples;
  for (const ModelInput& input : inputs) {
    const int index = InputConfigOf(source, input.name);
    if (index < 0) continue;
    const std::string path = absl::StrCat("quant.input_configs[", index, "].calibration_size");
    ASSIGN_OR_RETURN(const int32_t own, Samples(source.quant().input_configs(index), path));
    if (samples.has_value() && *samples != own) {
      return absl::InvalidArgumentError(
          absl::StrCat(path, ": differs from another input's; a sample has a file for each input, so give the same"));
    }
    samples = own;
  }
  return samples.value_or(kDefaultSamples);
}

v1::RangeMethod ToRangeMethod(QuantConfig::CalibrationMethod method) {
  switch (method) {
    case QuantConfig::Percentile:
      return v1::RANGE_METHOD_PERCENTILE;
    case QuantConfig::MSE:
      return v1::RANGE_METHOD_MSE;
    case QuantConfig::KL:
      return v1::RANGE_METHOD_ENTROPY;
    default:
      return v1::RANGE_METHOD_MIN_MAX;
  }
}

absl::StatusOr<v1::Calibration> TranslateCalibration(const BuildConfig& source, const std::vector<ModelInput>& inputs,
                                                     Warnings& warnings) {
  v1::Calibration calibration;
  ASSIGN_OR_RETURN(const int32_t samples, SamplesOfAll(source, inputs));
  calibration.set_max_samples(samples);
  calibration.set_weight_granularity(v1::WEIGHT_GRANULARITY_PER_CHANNEL);
  const bool is_open = source.joinery_conf().range_method() == JoineryConf::RANGE_METHOD_OBSERVER;
  if (source.quant().has_calibration_method()) {
    calibration.set_range_method(ToRangeMethod(source.quant().calibration_method()));
  } else if (is_open) {
    warnings.push_back(
        "quant.calibration_method: is not set: MSE is taken, which is more exact than MinMax, the vendor's default");
  }
  RETURN_IF_ERROR(TranslateRanges(source.joinery_conf(), calibration));
  return calibration;
}

}  // namespace

absl::StatusOr<Translation> TranslatePulsar2(const BuildConfig& source, const std::vector<ModelInput>& inputs) {
  Translation translation;
  v1::BuildConfiguration& configuration = translation.configuration;
  RETURN_IF_ERROR(RefuseUnsupported(source));
  ASSIGN_OR_RETURN(*configuration.mutable_target(), TranslateTarget(source));
  RETURN_IF_ERROR(CheckPulsar2Inputs(source, inputs));
  for (const ModelInput& input : inputs) {
    ASSIGN_OR_RETURN(*configuration.add_inputs(), TranslatePulsar2Input(source, input, translation.warnings));
  }
  ASSIGN_OR_RETURN(*configuration.mutable_outputs(), TranslatePulsar2Outputs(source));
  RETURN_IF_ERROR(TranslateBatch(source, configuration));
  ASSIGN_OR_RETURN(v1::ModelEdits edits, ModelEditsOfPulsar2(source));
  if (edits.ByteSizeLong() > 0) *configuration.mutable_edits() = std::move(edits);
  ASSIGN_OR_RETURN(*configuration.mutable_calibration(), TranslateCalibration(source, inputs, translation.warnings));
  ASSIGN_OR_RETURN(*configuration.mutable_quantization(), TranslatePulsar2Quantization(source, translation.warnings));
  if (source.joinery_conf().has_deployment()) {
    ApplyDeployment(source.joinery_conf().deployment(), configuration);
    RETURN_IF_ERROR(CheckDeployment(configuration));
  }
  for (std::string& sentence : DescribeIgnoredPulsar2Fields(source)) {
    translation.warnings.push_back(std::move(sentence));
  }
  return translation;
}

}  // namespace joinery::compiler
