#include "compiler/configuration/pulsar2_quantization.h"

#include <utility>

#include "absl/status/status.h"
#include "absl/strings/str_cat.h"
#include "absl/strings/string_view.h"
#include "base/status.h"
#include "compiler/configuration/joinery_conf.h"

namespace joinery::compiler {
namespace {

using ::google::protobuf::RepeatedPtrField;
using ::joinery::v1::pulsar::JoineryConf;
using ::joinery::v1::pulsar2::BuildConfig;
using ::joinery::v1::pulsar2::DataType;
using ::joinery::v1::pulsar2::LayerConfig;
using ::joinery::v1::pulsar2::QuantConfig;

constexpr float kDefaultSmoothQuantStrength = 0.6F;
constexpr absl::string_view kWholeModel = "DEFAULT";

// An algorithm of the vendor's that trains weights or searches scales, and what does its work here.
struct StandIn {
  absl::string_view field;
  bool (QuantConfig::*is_on)() const;
  bool rounds;
  bool refines;
  absl::string_view instead;
};

constexpr absl::string_view kRoundsInstead =
    "weights are rounded by each layer's output error (GPTQ) instead of trained over epochs; no CUDA is needed";
constexpr absl::string_view kRoundsAndRefinesInstead =
    "weights are rounded by each layer's output error (GPTQ) and scales refined on the model's output, instead of both "
    "being trained over epochs; no CUDA is needed";

constexpr StandIn kStandIns[] = {
    {"enable_adaround", &QuantConfig::enable_adaround, true, false, kRoundsInstead},
    {"enable_brecq", &QuantConfig::enable_brecq, true, true, kRoundsAndRefinesInstead},
    {"enable_lsq", &QuantConfig::enable_lsq, true, true, kRoundsAndRefinesInstead},
    {"enable_easy_quant", &QuantConfig::enable_easy_quant, false, true,
     "scales are refined on the model's output instead of searched for layer by layer"},
};

void SwitchUnlessSet(JoineryConf::Switch value, JoineryConf::Switch set,
                     void (JoineryConf::*setter)(JoineryConf::Switch), JoineryConf& conf) {
  if (set == JoineryConf::SWITCH_PRESET) (conf.*setter)(value);
}

void SwitchRounding(bool on, JoineryConf& conf) {
  SwitchUnlessSet(on ? JoineryConf::SWITCH_ON : JoineryConf::SWITCH_OFF, conf.weight_rounding(),
                  &JoineryConf::set_weight_rounding, conf);
}

void SwitchRefinement(bool on, JoineryConf& conf) {
  SwitchUnlessSet(on ? JoineryConf::SWITCH_ON : JoineryConf::SWITCH_OFF, conf.scale_refinement(),
                  &JoineryConf::set_scale_refinement, conf);
}

absl::Status ApplySmoothQuant(const QuantConfig& quant, JoineryConf& conf) {
  const float strength =
      quant.has_smooth_quant_strength() ? quant.smooth_quant_strength() : kDefaultSmoothQuantStrength;
  if (!(strength >= 0 && strength <= 1)) {
    return absl::InvalidArgumentError(
        absl::StrCat("quant.smooth_quant_strength: ", strength, " is not between 0 and 1"));
  }
  if (quant.enable_smooth_quant() && conf.smooth_quant_strength() == 0) conf.set_smooth_quant_strength(strength);
  return absl::OkStatus();
}

// Everything off that is not switched on by hand.
void DisableAlgorithms(JoineryConf& conf) {
  SwitchUnlessSet(JoineryConf::SWITCH_OFF, conf.cross_layer_equalization(), &JoineryConf::set_cross_layer_equalization,
                  conf);
  SwitchRounding(false, conf);
  SwitchRefinement(false, conf);
  if (conf.bias_correction() == JoineryConf::BIAS_CORRECTION_PRESET) {
    conf.set_bias_correction(JoineryConf::BIAS_CORRECTION_OFF);
  }
}

// joinery_conf with what quant says of algorithms added to it.
absl::StatusOr<JoineryConf> ApplyQuant(const BuildConfig& source, std::vector<std::string>& warnings) {
  const QuantConfig& quant = source.quant();
  JoineryConf conf = source.joinery_conf();
  RETURN_IF_ERROR(ApplySmoothQuant(quant, conf));
  for (const StandIn& stand_in : kStandIns) {
    if (!(quant.*stand_in.is_on)()) continue;
    if (stand_in.rounds) SwitchRounding(true, conf);
    if (stand_in.refines) SwitchRefinement(true, conf);
    warnings.push_back(absl::StrCat("quant.", stand_in.field, ": ", stand_in.instead));
  }
  if (quant.disable_auto_refine_scale()) SwitchRefinement(false, conf);
  if (quant.disable_quant_optimization()) DisableAlgorithms(conf);
  return conf;
}

absl::StatusOr<v1::LayerBits> BitsOf(DataType::Enum type, const std::string& path) {
  switch (type) {
    case DataType::DATA_TYPE_UNSPECIFIED:
    case DataType::U8:
    case DataType::S8:
      return v1::LAYER_BITS_8;
    case DataType::U16:
    case DataType::S16:
      return v1::LAYER_BITS_16;
    case DataType::FP32:
      return v1::LAYER_BITS_FLOAT;
    default:
      return absl::InvalidArgumentError(absl::StrCat(path, ".data_type: ", DataType::Enum_Name(type),
                                                     " is not supported; use U8, S8, U16, S16 or FP32"));
  }
}

void AddTensors(const RepeatedPtrField<std::string>& names, RepeatedPtrField<std::string>& tensors) {
  if (names.size() == 1 && names[0] == kWholeModel) return;
  tensors.MergeFrom(names);
}

absl::StatusOr<v1::LayerFormat> ToLayerFormat(const LayerConfig& config, const std::string& path) {
  v1::LayerFormat format;
  if (!config.layer_name().empty()) format.add_node_names(config.layer_name());
  format.mutable_node_names()->MergeFrom(config.layer_names());
  if (!config.op_type().empty()) format.add_op_types(config.op_type());
  format.mutable_op_types()->MergeFrom(config.op_types());
  const bool has_start = !config.start_tensor_names().empty();
  const bool has_end = !config.end_tensor_names().empty();
  const int kinds = (format.node_names().empty() ? 0 : 1) + (format.op_types().empty() ? 0 : 1) + (has_start ? 1 : 0);
  if (has_start != has_end) {
    return absl::InvalidArgumentError(
        absl::StrCat(path, ": start_tensor_names and end_tensor_names are given together; use [\"", kWholeModel,
                     "\"] for the model's inputs or outputs"));
  }
  if (kinds != 1) {
    return absl::InvalidArgumentError(absl::StrCat(path, ": ", kinds == 0 ? "names no layers" : "names layers twice",
                                                   "; give one of layer_names, op_types, or start_tensor_names with "
                                                   "end_tensor_names"));
  }
  AddTensors(config.start_tensor_names(), *format.mutable_start_tensors());
  AddTensors(config.end_tensor_names(), *format.mutable_end_tensors());
  ASSIGN_OR_RETURN(const v1::LayerBits bits, BitsOf(config.data_type(), path));
  format.set_bits(bits);
  return format;
}

}  // namespace

absl::StatusOr<v1::Quantization> TranslatePulsar2Quantization(const BuildConfig& source,
                                                              std::vector<std::string>& warnings) {
  ASSIGN_OR_RETURN(const JoineryConf conf, ApplyQuant(source, warnings));
  ASSIGN_OR_RETURN(v1::Quantization quantization, TranslateQuantization(conf));
  const auto own_layers = quantization.layers();
  quantization.clear_layers();
  // For all layers, so everything that names some beats it.
  if (source.quant().highest_mix_precision()) quantization.add_layers()->set_bits(v1::LAYER_BITS_16);
  const auto& configs = source.quant().layer_configs();
  for (int i = 0; i < configs.size(); ++i) {
    ASSIGN_OR_RETURN(*quantization.add_layers(),
                     ToLayerFormat(configs[i], absl::StrCat("quant.layer_configs[", i, "]")));
  }
  quantization.mutable_layers()->MergeFrom(own_layers);
  return quantization;
}

}  // namespace joinery::compiler
