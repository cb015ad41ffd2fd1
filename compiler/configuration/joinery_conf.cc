#include "compiler/configuration/joinery_conf.h"

#include "absl/strings/str_cat.h"
#include "base/status.h"
#include "compiler/configuration/node_pattern.h"
#include "compiler/configuration/presets.h"

namespace joinery::compiler {
namespace {

using ::joinery::v1::pulsar::JoineryConf;

// Leaves out one value in ten thousand.
constexpr double kDefaultPercentile = 99.99;

// A setting out of its range; also one that is not a number, which no comparison accepts.
absl::Status CheckRange(absl::string_view field, double value, bool is_valid, absl::string_view expected) {
  if (is_valid) return absl::OkStatus();
  return absl::InvalidArgumentError(absl::StrCat("joinery_conf.", field, ": ", value, " is not ", expected));
}

absl::Status CheckNumbers(const JoineryConf& conf) {
  const double strength = conf.smooth_quant_strength();
  RETURN_IF_ERROR(CheckRange("smooth_quant_strength", strength, strength >= 0 && strength <= 1,
                             "between 0 and 1; 0 turns it off, 0.5 is usual"));
  const double cosine = conf.target_cosine();
  RETURN_IF_ERROR(
      CheckRange("target_cosine", cosine, cosine >= 0 && cosine < 1, "between 0 and 1; 0 is no target, 0.99 is usual"));
  const double sqnr = conf.target_sqnr_db();
  return CheckRange("target_sqnr_db", sqnr, sqnr >= 0 && sqnr <= 100,
                    "a number of decibels up to 100; 0 is no target, 20 is usual");
}

v1::Preset ToPreset(JoineryConf::Preset preset) {
  if (preset == JoineryConf::PRESET_FAST) return v1::PRESET_FAST;
  return preset == JoineryConf::PRESET_ACCURATE ? v1::PRESET_ACCURATE : v1::PRESET_BALANCED;
}

v1::BiasCorrection ToBiasCorrection(JoineryConf::BiasCorrection correction, v1::BiasCorrection preset) {
  switch (correction) {
    case JoineryConf::BIAS_CORRECTION_OFF:
      return v1::BIAS_CORRECTION_OFF;
    case JoineryConf::BIAS_CORRECTION_ANALYTIC:
      return v1::BIAS_CORRECTION_ANALYTIC;
    case JoineryConf::BIAS_CORRECTION_SEQUENTIAL:
      return v1::BIAS_CORRECTION_SEQUENTIAL;
    default:
      return preset;
  }
}

v1::LayerBits ToLayerBits(JoineryConf::LayerBits bits) {
  if (bits == JoineryConf::LAYER_BITS_16) return v1::LAYER_BITS_16;
  return bits == JoineryConf::LAYER_BITS_FLOAT ? v1::LAYER_BITS_FLOAT : v1::LAYER_BITS_8;
}

absl::StatusOr<v1::LayerFormat> ToLayerFormat(const JoineryConf::LayerConfig& config, absl::string_view path) {
  v1::LayerFormat format;
  *format.mutable_node_names() = config.layer_names();
  *format.mutable_node_name_patterns() = config.layer_name_patterns();
  *format.mutable_op_types() = config.op_types();
  *format.mutable_start_tensors() = config.start_tensor_names();
  *format.mutable_end_tensors() = config.end_tensor_names();
  format.set_bits(ToLayerBits(config.bits()));
  for (int i = 0; i < config.layer_name_patterns_size(); ++i) {
    RETURN_IF_ERROR(
        CheckNodePattern(config.layer_name_patterns(i), absl::StrCat(path, ".layer_name_patterns[", i, "]")));
  }
  return format;
}

v1::RangeMethod ToRangeMethod(JoineryConf::RangeMethod method) {
  switch (method) {
    case JoineryConf::RANGE_METHOD_MIN_MAX:
      return v1::RANGE_METHOD_MIN_MAX;
    case JoineryConf::RANGE_METHOD_MSE:
      return v1::RANGE_METHOD_MSE;
    case JoineryConf::RANGE_METHOD_MOVING_AVERAGE:
      return v1::RANGE_METHOD_MOVING_AVERAGE;
    case JoineryConf::RANGE_METHOD_PERCENTILE:
      return v1::RANGE_METHOD_PERCENTILE;
    case JoineryConf::RANGE_METHOD_ENTROPY:
      return v1::RANGE_METHOD_ENTROPY;
    default:
      return v1::RANGE_METHOD_UNSPECIFIED;
  }
}

v1::ImageFit ToImageFit(JoineryConf::ImageFit fit) {
  if (fit == JoineryConf::IMAGE_FIT_STRETCH) return v1::IMAGE_FIT_STRETCH;
  return fit == JoineryConf::IMAGE_FIT_LETTERBOX ? v1::IMAGE_FIT_LETTERBOX : v1::IMAGE_FIT_COVER;
}

JoineryConf::Preset FromPreset(v1::Preset preset) {
  if (preset == v1::PRESET_FAST) return JoineryConf::PRESET_FAST;
  return preset == v1::PRESET_ACCURATE ? JoineryConf::PRESET_ACCURATE : JoineryConf::PRESET_BALANCED;
}

JoineryConf::BiasCorrection FromBiasCorrection(v1::BiasCorrection correction) {
  if (correction == v1::BIAS_CORRECTION_ANALYTIC) return JoineryConf::BIAS_CORRECTION_ANALYTIC;
  return correction == v1::BIAS_CORRECTION_SEQUENTIAL ? JoineryConf::BIAS_CORRECTION_SEQUENTIAL
                                                      : JoineryConf::BIAS_CORRECTION_OFF;
}

JoineryConf::Switch FromBool(bool on) { return on ? JoineryConf::SWITCH_ON : JoineryConf::SWITCH_OFF; }

JoineryConf::RangeMethod FromRangeMethod(v1::RangeMethod method) {
  switch (method) {
    case v1::RANGE_METHOD_MIN_MAX:
      return JoineryConf::RANGE_METHOD_MIN_MAX;
    case v1::RANGE_METHOD_MOVING_AVERAGE:
      return JoineryConf::RANGE_METHOD_MOVING_AVERAGE;
    case v1::RANGE_METHOD_PERCENTILE:
      return JoineryConf::RANGE_METHOD_PERCENTILE;
    case v1::RANGE_METHOD_ENTROPY:
      return JoineryConf::RANGE_METHOD_ENTROPY;
    default:
      return JoineryConf::RANGE_METHOD_MSE;
  }
}

JoineryConf::ImageFit FromImageFit(v1::ImageFit fit) {
  if (fit == v1::IMAGE_FIT_STRETCH) return JoineryConf::IMAGE_FIT_STRETCH;
  return fit == v1::IMAGE_FIT_LETTERBOX ? JoineryConf::IMAGE_FIT_LETTERBOX : JoineryConf::IMAGE_FIT_COVER;
}

}  // namespace

absl::StatusOr<v1::Quantization> TranslateQuantization(const JoineryConf& conf) {
  RETURN_IF_ERROR(CheckNumbers(conf));
  v1::Quantization result = PresetQuantization(ToPreset(conf.preset()));
  if (conf.cross_layer_equalization() != JoineryConf::SWITCH_PRESET) {
    result.set_cross_layer_equalization(conf.cross_layer_equalization() == JoineryConf::SWITCH_ON);
  }
  if (conf.weight_rounding() != JoineryConf::SWITCH_PRESET) {
    result.set_weight_rounding(conf.weight_rounding() == JoineryConf::SWITCH_ON ? v1::WEIGHT_ROUNDING_OUTPUT_ERROR
                                                                                : v1::WEIGHT_ROUNDING_NEAREST);
  }
  result.set_bias_correction(ToBiasCorrection(conf.bias_correction(), result.bias_correction()));
  if (conf.scale_refinement() != JoineryConf::SWITCH_PRESET) {
    result.set_scale_refinement(conf.scale_refinement() == JoineryConf::SWITCH_ON);
  }
  result.set_smooth_quant_strength(conf.smooth_quant_strength());
  result.set_target_cosine(conf.target_cosine());
  result.set_target_sqnr_db(conf.target_sqnr_db());
  for (int i = 0; i < conf.layer_configs_size(); ++i) {
    ASSIGN_OR_RETURN(*result.add_layers(),
                     ToLayerFormat(conf.layer_configs(i), absl::StrCat("joinery_conf.layer_configs[", i, "]")));
  }
  return result;
}

absl::Status TranslateRanges(const JoineryConf& conf, v1::Calibration& calibration) {
  const double percentile = conf.percentile() == 0 ? kDefaultPercentile : conf.percentile();
  RETURN_IF_ERROR(CheckRange("percentile", percentile, percentile > 50 && percentile <= 100,
                             "above 50 and at most 100, in percent; 99.99 is usual"));
  calibration.set_percentile(percentile);
  if (conf.range_method() != JoineryConf::RANGE_METHOD_OBSERVER) {
    calibration.set_range_method(ToRangeMethod(conf.range_method()));
  }
  if (calibration.range_method() == v1::RANGE_METHOD_UNSPECIFIED) calibration.set_range_method(v1::RANGE_METHOD_MSE);
  calibration.set_image_fit(ToImageFit(conf.image_fit()));
  return absl::OkStatus();
}

void WriteJoineryConf(const v1::BuildConfiguration& configuration, JoineryConf& conf) {
  const v1::Quantization& quantization = configuration.quantization();
  conf.set_preset(FromPreset(quantization.preset()));
  conf.set_cross_layer_equalization(FromBool(quantization.cross_layer_equalization()));
  // What lies between on and off only a preset asks for.
  const v1::WeightRounding rounding = quantization.weight_rounding();
  const bool is_switched = rounding == v1::WEIGHT_ROUNDING_OUTPUT_ERROR || rounding == v1::WEIGHT_ROUNDING_NEAREST;
  conf.set_weight_rounding(is_switched ? FromBool(rounding == v1::WEIGHT_ROUNDING_OUTPUT_ERROR)
                                       : JoineryConf::SWITCH_PRESET);
  conf.set_bias_correction(FromBiasCorrection(quantization.bias_correction()));
  conf.set_scale_refinement(FromBool(quantization.scale_refinement()));
  conf.set_smooth_quant_strength(quantization.smooth_quant_strength());
  conf.set_target_cosine(quantization.target_cosine());
  conf.set_target_sqnr_db(quantization.target_sqnr_db());
  conf.set_range_method(FromRangeMethod(configuration.calibration().range_method()));
  conf.set_percentile(configuration.calibration().percentile());
  conf.set_image_fit(FromImageFit(configuration.calibration().image_fit()));
  *conf.mutable_cut_tensors() = configuration.target().cut_tensors();
}

}  // namespace joinery::compiler
