#include "compiler/configuration/convert.h"

#include <google/protobuf/descriptor.h>
#include <google/protobuf/text_format.h>
#include <google/protobuf/util/message_differencer.h>
#include <onnx/onnx_pb.h>

#include <algorithm>
#include <utility>

#include "absl/strings/str_cat.h"
#include "absl/strings/str_join.h"
#include "base/status.h"
#include "compiler/configuration/joinery_conf.h"
#include "compiler/configuration/joinery_dialect.h"
#include "compiler/configuration/pulsar2_inputs.h"
#include "compiler/configuration/tensor_conf.h"

namespace joinery::compiler {
namespace {

using ::google::protobuf::FieldDescriptor;
using ::google::protobuf::Message;
using ::google::protobuf::RepeatedPtrField;
using ::google::protobuf::util::MessageDifferencer;
using ::joinery::v1::pulsar::DataType;
using ::joinery::v1::pulsar::JoineryConf;
using ::joinery::v1::pulsar::PulsarConfiguration;
using ::joinery::v1::pulsar2::BuildConfig;

using Layers = RepeatedPtrField<v1::LayerFormat>;
namespace pulsar2 = ::joinery::v1::pulsar2;

bool IsForAll(const v1::LayerFormat& layer) {
  return layer.node_names().empty() && layer.node_name_patterns().empty() && layer.op_types().empty() &&
         layer.start_tensors().empty() && layer.end_tensors().empty();
}

bool NamesOnly(const v1::LayerFormat& layer) {
  return !layer.node_names().empty() && layer.node_name_patterns().empty() && layer.op_types().empty() &&
         layer.start_tensors().empty() && layer.end_tensors().empty();
}

void AddOwnLayer(const v1::LayerFormat& layer, JoineryConf& conf) {
  JoineryConf::LayerConfig& config = *conf.add_layer_configs();
  *config.mutable_layer_names() = layer.node_names();
  *config.mutable_layer_name_patterns() = layer.node_name_patterns();
  *config.mutable_op_types() = layer.op_types();
  *config.mutable_start_tensor_names() = layer.start_tensors();
  *config.mutable_end_tensor_names() = layer.end_tensors();
  config.set_bits(layer.bits() == v1::LAYER_BITS_16      ? JoineryConf::LAYER_BITS_16
                  : layer.bits() == v1::LAYER_BITS_FLOAT ? JoineryConf::LAYER_BITS_FLOAT
                                                         : JoineryConf::LAYER_BITS_8);
}

// False if the dialect has no words for it.
bool AddLayer(const v1::LayerFormat& layer, PulsarConfiguration& result) {
  const bool has_one_name = NamesOnly(layer) && layer.node_names_size() == 1;
  const bool has_one_pattern = layer.node_name_patterns_size() == 1 && layer.node_names().empty() &&
                               layer.op_types().empty() && layer.start_tensors().empty() && layer.end_tensors().empty();
  if (!has_one_name && !has_one_pattern && !IsForAll(layer)) return false;
  auto& item = *result.mutable_neuwizard_conf()->mutable_operator_conf()->add_operator_conf_items();
  if (has_one_name) item.mutable_selector()->set_op_name(layer.node_names(0));
  if (has_one_pattern) item.mutable_selector()->set_op_name_regex(layer.node_name_patterns(0));
  item.mutable_attributes()->set_input_feature_type(layer.bits() == v1::LAYER_BITS_16      ? DataType::UINT16
                                                    : layer.bits() == v1::LAYER_BITS_FLOAT ? DataType::FLOAT32
                                                                                           : DataType::UINT8);
  return true;
}

bool AddLayer(const v1::LayerFormat& layer, BuildConfig& result) {
  if (IsForAll(layer) && layer.bits() == v1::LAYER_BITS_16) {
    result.mutable_quant()->set_highest_mix_precision(true);
    return true;
  }
  const bool has_ops = !layer.op_types().empty() && layer.node_names().empty();
  const bool has_tensors = !layer.start_tensors().empty() || !layer.end_tensors().empty();
  if (!layer.node_name_patterns().empty() || (!NamesOnly(layer) && has_ops == has_tensors)) return false;
  auto& config = *result.mutable_quant()->add_layer_configs();
  *config.mutable_layer_names() = layer.node_names();
  *config.mutable_op_types() = layer.op_types();
  if (has_tensors) {
    *config.mutable_start_tensor_names() = layer.start_tensors();
    *config.mutable_end_tensor_names() = layer.end_tensors();
    if (layer.start_tensors().empty()) config.add_start_tensor_names("DEFAULT");
    if (layer.end_tensors().empty()) config.add_end_tensor_names("DEFAULT");
  }
  config.set_data_type(layer.bits() == v1::LAYER_BITS_16      ? pulsar2::DataType::U16
                       : layer.bits() == v1::LAYER_BITS_FLOAT ? pulsar2::DataType::FP32
                                                              : pulsar2::DataType::U8);
  return true;
}

void ClearLayers(PulsarConfiguration& result) {
  result.mutable_neuwizard_conf()->mutable_operator_conf()->clear_operator_conf_items();
}

void ClearLayers(BuildConfig& result) {
  result.mutable_quant()->clear_layer_configs();
  result.mutable_quant()->clear_highest_mix_precision();
}

void AddLayers(const Layers& layers, Configuration& result) {
  std::visit(
      [&](auto& dialect) {
        for (const v1::LayerFormat& layer : layers) {
          if (!AddLayer(layer, dialect)) AddOwnLayer(layer, *dialect.mutable_joinery_conf());
        }
      },
      result);
}

void AddOwnLayers(const Layers& layers, Configuration& result) {
  std::visit(
      [&](auto& dialect) {
        ClearLayers(dialect);
        dialect.mutable_joinery_conf()->clear_layer_configs();
        for (const v1::LayerFormat& layer : layers) AddOwnLayer(layer, *dialect.mutable_joinery_conf());
      },
      result);
}

JoineryConf& OwnConf(Configuration& configuration) {
  return *std::visit([](auto& dialect) { return dialect.mutable_joinery_conf(); }, configuration);
}

// The names of the fields that differ, "a, b and c" for people.
std::string DifferentFields(const Message& want, const Message& got) {
  std::vector<std::string> names;
  for (int i = 0; i < want.GetDescriptor()->field_count(); ++i) {
    const FieldDescriptor* field = want.GetDescriptor()->field(i);
    MessageDifferencer differencer;
    if (!differencer.CompareWithFields(want, got, {field}, {field})) names.push_back(field->name());
  }
  return absl::StrJoin(names, ", ");
}

absl::Status CheckSame(const v1::BuildConfiguration& want, const v1::BuildConfiguration& got) {
  if (MessageDifferencer::Equals(want, got)) return absl::OkStatus();
  return absl::InternalError(
      absl::StrCat("the converted configuration does not mean the same: it differs in ", DifferentFields(want, got)));
}

// What `got` lacks of `want`, and a sentence for each.
class Remainder {
 public:
  Remainder(const v1::BuildConfiguration& want, const v1::BuildConfiguration& got, absl::string_view dialect)
      : want_(want), got_(got), dialect_(dialect) {}

  v1::Deployment Collect() {
    if (!Same(want_.target(), got_.target(), "target")) *remainder_.mutable_target() = want_.target();
    for (int i = 0; i < want_.inputs_size(); ++i) {
      if (Same(want_.inputs(i), got_.inputs(i), absl::StrCat("input \"", want_.inputs(i).name(), "\""))) continue;
      v1::InputConfiguration& input = *remainder_.add_inputs();
      input = want_.inputs(i);
      input.clear_model_shape();
      input.clear_model_element_type();
    }
    CollectOutputs();
    if (!Same(want_.batch(), got_.batch(), "batch")) *remainder_.mutable_batch() = want_.batch();
    if (!Same(want_.edits(), got_.edits(), "edits")) *remainder_.mutable_edits() = want_.edits();
    if (!Same(want_.calibration(), got_.calibration(), "calibration")) {
      *remainder_.mutable_calibration() = want_.calibration();
    }
    return std::move(remainder_);
  }

  std::vector<std::string> TakeWarnings() { return std::move(warnings_); }

 private:
  bool Same(const Message& want, const Message& got, const std::string& what) {
    if (MessageDifferencer::Equals(want, got)) return true;
    warnings_.push_back(absl::StrCat(what, ": ", dialect_, " has no words for its ", DifferentFields(want, got),
                                     "; joinery_conf.deployment has it, which the vendor's tool does not read"));
    return false;
  }

  void CollectOutputs() {
    for (const v1::OutputConfiguration& output : want_.outputs()) {
      const auto found = std::find_if(got_.outputs().begin(), got_.outputs().end(),
                                      [&](const auto& other) { return other.name() == output.name(); });
      const v1::OutputConfiguration other = found == got_.outputs().end() ? v1::OutputConfiguration() : *found;
      if (!Same(output, other, absl::StrCat("output \"", output.name(), "\""))) *remainder_.add_outputs() = output;
    }
  }

  const v1::BuildConfiguration& want_;
  const v1::BuildConfiguration& got_;
  const absl::string_view dialect_;
  v1::Deployment remainder_;
  std::vector<std::string> warnings_;
};

// Writes what the dialect cannot say into joinery_conf, until the result means what `want` is.
absl::StatusOr<std::vector<std::string>> AddRemainder(const v1::BuildConfiguration& want,
                                                      const std::vector<ModelInput>& inputs, absl::string_view dialect,
                                                      Configuration& result) {
  std::vector<std::string> warnings;
  absl::StatusOr<Translation> translation = TranslateConfiguration(result, inputs);
  if (!translation.ok()) return base::Annotate(translation.status(), "the converted configuration");
  v1::BuildConfiguration got = translation->configuration;
  if (!MessageDifferencer::Equals(v1::Quantization(want.quantization()), got.quantization())) {
    AddOwnLayers(want.quantization().layers(), result);
    warnings.push_back(absl::StrCat("formats of layers: ", dialect,
                                    " has no words for all of them; joinery_conf.layer_configs has them, which the "
                                    "vendor's tool does not read"));
  }
  if (!OwnConf(result).deployment().outputs().empty()) {
    warnings.push_back(absl::StrCat("outputs: ", dialect,
                                    " has no words for all of what is done to them; joinery_conf.deployment has it, "
                                    "which the vendor's tool does not read"));
  }
  Remainder remainder(want, got, dialect);
  const v1::Deployment deployment = remainder.Collect();
  if (deployment.ByteSizeLong() > 0) OwnConf(result).mutable_deployment()->MergeFrom(deployment);
  for (std::string& warning : remainder.TakeWarnings()) warnings.push_back(std::move(warning));
  translation = TranslateConfiguration(result, inputs);
  if (!translation.ok()) return base::Annotate(translation.status(), "the converted configuration");
  RETURN_IF_ERROR(CheckSame(want, translation->configuration));
  return warnings;
}

bool IsDialect(const Configuration& source, Dialect dialect) {
  const bool is_pulsar = std::holds_alternative<PulsarConfiguration>(source);
  return (dialect == Dialect::kPulsar && is_pulsar) || (dialect == Dialect::kPulsar2 && !is_pulsar);
}

absl::StatusOr<Converted> ConvertToJoinery(const ConfiguredFiles& files, const Translation& translation,
                                           const std::vector<ModelInput>& inputs) {
  v1::JoineryConfiguration own = ToJoinery(translation.configuration);
  own.set_model(files.model);
  own.set_output(files.output);
  own.set_calibration(files.calibration);
  for (const auto& [input, path] : files.input_calibration) {
    auto& set = *own.add_input_calibration();
    set.set_input(input);
    set.set_path(path);
  }
  WriteJoineryConf(translation.configuration, *own.mutable_joinery_conf());
  for (const v1::LayerFormat& layer : translation.configuration.quantization().layers()) {
    AddOwnLayer(layer, *own.mutable_joinery_conf());
  }
  ASSIGN_OR_RETURN(const Translation again, TranslateConfiguration(Configuration(LowerJoinery(own)), inputs));
  RETURN_IF_ERROR(CheckSame(translation.configuration, again.configuration));
  Converted converted{.text = "", .warnings = translation.warnings};
  google::protobuf::TextFormat::PrintToString(own, &converted.text);
  return converted;
}

void AddNames(const RepeatedPtrField<v1::pulsar::TensorConf>& confs, std::vector<std::string>& names) {
  for (const auto& conf : confs) names.push_back(conf.tensor_name());
}

std::vector<std::string> NamesIn(const PulsarConfiguration& source) {
  std::vector<std::string> names;
  AddNames(source.input_tensors(), names);
  AddNames(source.output_tensors(), names);
  AddNames(source.src_input_tensors(), names);
  AddNames(source.dst_input_tensors(), names);
  for (const auto& item : source.neuwizard_conf().operator_conf().input_conf_items()) {
    names.push_back(item.selector().op_name());
  }
  for (const auto& input : source.joinery_conf().deployment().inputs()) names.push_back(input.name());
  return names;
}

std::vector<std::string> NamesIn(const BuildConfig& source) {
  std::vector<std::string> names;
  for (const auto& config : source.quant().input_configs()) names.push_back(config.tensor_name());
  for (const auto& processor : source.input_processors()) names.push_back(processor.tensor_name());
  for (const auto& input : source.joinery_conf().deployment().inputs()) names.push_back(input.name());
  return names;
}

bool IsGray(const PulsarConfiguration& source, const std::string& name) {
  return SourceTensorConf(source, name).color_space() == v1::pulsar::TensorConf::TENSOR_COLOR_SPACE_GRAY;
}

bool IsGray(const BuildConfig& source, const std::string& name) {
  const int index = InputProcessorOf(source, name);
  return index >= 0 && source.input_processors(index).tensor_format() == pulsar2::ColorSpace::GRAY;
}

}  // namespace

absl::StatusOr<Dialect> ParseDialect(absl::string_view word) {
  if (word == "pulsar") return Dialect::kPulsar;
  if (word == "pulsar2") return Dialect::kPulsar2;
  if (word == "joinery") return Dialect::kJoinery;
  return absl::InvalidArgumentError(absl::StrCat("\"", word, "\" is no dialect; use pulsar, pulsar2 or joinery"));
}

absl::StatusOr<Converted> ConvertConfiguration(const Configuration& source, const std::vector<ModelInput>& inputs,
                                               Dialect to) {
  ASSIGN_OR_RETURN(const Translation translation, TranslateConfiguration(source, inputs));
  ASSIGN_OR_RETURN(const ConfiguredFiles files, FilesOf(source));
  if (to == Dialect::kJoinery) return ConvertToJoinery(files, translation, inputs);
  if (IsDialect(source, to)) {
    return Converted{.text = FormatConfiguration(source, translation.configuration), .warnings = translation.warnings};
  }
  const bool is_pulsar = to == Dialect::kPulsar;
  Configuration result;
  if (is_pulsar) {
    result = CompletePulsar(PulsarConfiguration(), translation.configuration);
  } else {
    result = CompletePulsar2(BuildConfig(), translation.configuration);
  }
  SetFiles(files, result);
  AddLayers(translation.configuration.quantization().layers(), result);
  ASSIGN_OR_RETURN(const std::vector<std::string> lost,
                   AddRemainder(translation.configuration, inputs, is_pulsar ? "pulsar" : "pulsar2", result));
  Converted converted{.text = "", .warnings = translation.warnings};
  converted.warnings.insert(converted.warnings.end(), lost.begin(), lost.end());
  converted.text =
      is_pulsar ? PrintPulsar(std::get<PulsarConfiguration>(result)) : PrintPulsar2(std::get<BuildConfig>(result));
  return converted;
}

std::vector<ModelInput> AssumedInputs(const Configuration& source) {
  std::vector<std::string> names = std::visit([](const auto& dialect) { return NamesIn(dialect); }, source);
  std::vector<std::string> distinct;
  for (const std::string& name : names) {
    const bool is_for_all = name.empty() || name == "DEFAULT";
    if (!is_for_all && std::find(distinct.begin(), distinct.end(), name) == distinct.end()) distinct.push_back(name);
  }
  if (distinct.empty()) distinct.emplace_back();
  std::vector<ModelInput> inputs;
  for (const std::string& name : distinct) {
    const bool is_gray = std::visit([&](const auto& dialect) { return IsGray(dialect, name); }, source);
    inputs.push_back({name, onnx::TensorProto::FLOAT, {1, is_gray ? 1 : 3, 224, 224}});
  }
  return inputs;
}

}  // namespace joinery::compiler
