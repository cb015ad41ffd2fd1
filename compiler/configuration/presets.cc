#include "compiler/configuration/presets.h"

namespace joinery::compiler {
namespace {

struct PresetRow {
  v1::Preset preset;
  bool cross_layer_equalization;
  v1::WeightRounding weight_rounding;
  v1::BiasCorrection bias_correction;
  bool scale_refinement;
  double float_fallback_cosine;
  int observed_samples;
  int evaluated_samples;
};

constexpr PresetRow kPresets[] = {
    {v1::PRESET_BALANCED, true, v1::WEIGHT_ROUNDING_OUTPUT_ERROR_SHALLOW, v1::BIAS_CORRECTION_ANALYTIC, false, 0, 0,
     16},
    {v1::PRESET_FAST, true, v1::WEIGHT_ROUNDING_NEAREST, v1::BIAS_CORRECTION_ANALYTIC, false, 0, 48, 4},
    {v1::PRESET_ACCURATE, true, v1::WEIGHT_ROUNDING_OUTPUT_ERROR, v1::BIAS_CORRECTION_ANALYTIC, false, 0.99, 0, 16},
};

const PresetRow& RowOf(v1::Preset preset) {
  for (const PresetRow& row : kPresets) {
    if (row.preset == preset) return row;
  }
  return kPresets[0];
}

}  // namespace

v1::Quantization PresetQuantization(v1::Preset preset) {
  const PresetRow& row = RowOf(preset);
  v1::Quantization quantization;
  quantization.set_preset(row.preset);
  quantization.set_cross_layer_equalization(row.cross_layer_equalization);
  quantization.set_weight_rounding(row.weight_rounding);
  quantization.set_bias_correction(row.bias_correction);
  quantization.set_scale_refinement(row.scale_refinement);
  quantization.set_float_fallback_cosine(row.float_fallback_cosine);
  quantization.set_observed_samples(row.observed_samples);
  quantization.set_evaluated_samples(row.evaluated_samples);
  return quantization;
}

}  // namespace joinery::compiler
