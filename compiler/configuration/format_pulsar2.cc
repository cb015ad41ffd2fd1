#include <google/protobuf/util/json_util.h>

#include <nlohmann/json.hpp>

#include "compiler/configuration/joinery_conf.h"
#include "compiler/configuration/pulsar2.h"
#include "compiler/configuration/pulsar2_inputs.h"

namespace joinery::compiler {
namespace {

using ::google::protobuf::Message;
using ::joinery::v1::pulsar2::BuildConfig;
using ::joinery::v1::pulsar2::ColorSpace;
using ::joinery::v1::pulsar2::DataType;
using ::joinery::v1::pulsar2::InputConfig;
using ::joinery::v1::pulsar2::InputProcessor;
using ::joinery::v1::pulsar2::Layout;
using ::joinery::v1::pulsar2::QuantConfig;

ColorSpace::Enum FromColorSpace(v1::ColorSpace colors) {
  switch (colors) {
    case v1::COLOR_SPACE_RGB:
      return ColorSpace::RGB;
    case v1::COLOR_SPACE_BGR:
      return ColorSpace::BGR;
    case v1::COLOR_SPACE_GRAY:
      return ColorSpace::GRAY;
    default:
      return ColorSpace::Auto;
  }
}

Layout::Enum FromLayout(v1::Layout layout) {
  if (layout == v1::LAYOUT_NHWC) return Layout::NHWC;
  return layout == v1::LAYOUT_NCHW ? Layout::NCHW : Layout::Default;
}

DataType::Enum FromElementType(v1::ElementType type) {
  if (type == v1::ELEMENT_TYPE_UINT8) return DataType::U8;
  return type == v1::ELEMENT_TYPE_FLOAT32 ? DataType::FP32 : DataType::DATA_TYPE_UNSPECIFIED;
}

QuantConfig::CalibrationMethod FromRangeMethod(v1::RangeMethod method) {
  switch (method) {
    case v1::RANGE_METHOD_PERCENTILE:
      return QuantConfig::Percentile;
    case v1::RANGE_METHOD_ENTROPY:
      return QuantConfig::KL;
    case v1::RANGE_METHOD_MSE:
      return QuantConfig::MSE;
    default:
      return QuantConfig::MinMax;
  }
}

void WriteTarget(const v1::Target& target, BuildConfig& result) {
  BuildConfig::HardwareType hardware = BuildConfig::AX650;
  BuildConfig::NPUMode mode = BuildConfig::NPU1;
  BuildConfig::HardwareType_Parse(target.hardware(), &hardware);
  BuildConfig::NPUMode_Parse(target.virtual_npu(), &mode);
  result.set_target_hardware(hardware);
  result.set_npu_mode(mode);
}

// The one that is for this input, or a new one.
InputConfig ConfigOf(const BuildConfig& source, const std::string& name) {
  const int index = InputConfigOf(source, name);
  return index < 0 ? InputConfig() : source.quant().input_configs(index);
}

InputProcessor ProcessorOf(const BuildConfig& source, const std::string& name) {
  const int index = InputProcessorOf(source, name);
  return index < 0 ? InputProcessor() : source.input_processors(index);
}

// mean and std stand with the processor alone: that is where the artifact has them.
void WriteInput(const BuildConfig& source, const v1::InputConfiguration& input, const v1::Calibration& calibration,
                BuildConfig& result) {
  InputConfig& config = *result.mutable_quant()->add_input_configs();
  config = ConfigOf(source, input.name());
  config.set_tensor_name(input.name());
  config.set_calibration_size(calibration.max_samples() == 0 ? -1 : calibration.max_samples());
  config.clear_calibration_mean();
  config.clear_calibration_std();
  InputProcessor& processor = *result.add_input_processors();
  processor = ProcessorOf(source, input.name());
  processor.set_tensor_name(input.name());
  processor.set_tensor_format(FromColorSpace(input.model_color_space()));
  processor.set_tensor_layout(FromLayout(input.model_layout()));
  processor.set_src_format(FromColorSpace(input.color_space()));
  processor.set_src_layout(FromLayout(input.layout()));
  processor.set_src_dtype(FromElementType(input.element_type()));
  processor.clear_mean();
  processor.clear_std();
  for (const v1::PreprocessingStep& step : input.preprocessing()) {
    *processor.mutable_mean() = ReorderChannels(step.normalization().mean(), input);
    *processor.mutable_std() = ReorderChannels(step.normalization().std(), input);
  }
}

nlohmann::ordered_json ToJson(const Message& message, bool with_defaults) {
  google::protobuf::util::JsonPrintOptions options;
  options.preserve_proto_field_names = true;
  options.always_print_primitive_fields = with_defaults;
  std::string text;
  // Fails only for types this schema does not have.
  if (!google::protobuf::util::MessageToJsonString(message, &text, options).ok()) return {};
  return nlohmann::ordered_json::parse(text, /*cb=*/nullptr, /*allow_exceptions=*/false);
}

}  // namespace

std::string FormatPulsar2(const BuildConfig& source, const v1::BuildConfiguration& configuration) {
  BuildConfig result = source;
  WriteTarget(configuration.target(), result);
  result.mutable_quant()->clear_input_configs();
  result.clear_input_processors();
  for (const v1::InputConfiguration& input : configuration.inputs()) {
    WriteInput(source, input, configuration.calibration(), result);
  }
  result.mutable_quant()->set_calibration_method(FromRangeMethod(configuration.calibration().range_method()));
  WriteJoineryConf(configuration, *result.mutable_joinery_conf());
  nlohmann::ordered_json json = ToJson(result, /*with_defaults=*/false);
  json["joinery_conf"] = ToJson(result.joinery_conf(), /*with_defaults=*/true);
  return json.dump(2) + "\n";
}

}  // namespace joinery::compiler
