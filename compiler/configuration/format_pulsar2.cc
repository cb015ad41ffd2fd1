#include <google/protobuf/util/json_util.h>

#include <algorithm>
#include <nlohmann/json.hpp>

#include "compiler/configuration/joinery_conf.h"
#include "compiler/configuration/preprocessing_steps.h"
#include "compiler/configuration/pulsar2.h"
#include "compiler/configuration/pulsar2_inputs.h"
#include "compiler/configuration/pulsar2_outputs.h"

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
    case v1::COLOR_SPACE_RGBX:
      return ColorSpace::RGBA;
    case v1::COLOR_SPACE_NV12:
      return ColorSpace::YUV420SP;
    case v1::COLOR_SPACE_NV21:
      return ColorSpace::YVU420SP;
    case v1::COLOR_SPACE_YUYV:
      return ColorSpace::YUYV422;
    case v1::COLOR_SPACE_UYVY:
      return ColorSpace::UYVY422;
    default:
      return ColorSpace::Auto;
  }
}

InputProcessor::CSCMode FromYuvStandard(v1::YuvStandard standard) {
  switch (standard) {
    case v1::YUV_STANDARD_BT601_LIMITED:
      return InputProcessor::LimitedRange;
    case v1::YUV_STANDARD_BT601_FULL:
      return InputProcessor::FullRange;
    case v1::YUV_STANDARD_MATRIX:
      return InputProcessor::Matrix;
    default:
      return InputProcessor::NoCSC;
  }
}

Layout::Enum FromLayout(v1::Layout layout) {
  if (layout == v1::LAYOUT_NHWC) return Layout::NHWC;
  return layout == v1::LAYOUT_NCHW ? Layout::NCHW : Layout::Default;
}

DataType::Enum FromElementType(v1::ElementType type) {
  switch (type) {
    case v1::ELEMENT_TYPE_UINT8:
      return DataType::U8;
    case v1::ELEMENT_TYPE_INT8:
      return DataType::S8;
    case v1::ELEMENT_TYPE_UINT16:
      return DataType::U16;
    case v1::ELEMENT_TYPE_INT16:
      return DataType::S16;
    case v1::ELEMENT_TYPE_UINT32:
      return DataType::U32;
    case v1::ELEMENT_TYPE_INT32:
      return DataType::S32;
    case v1::ELEMENT_TYPE_FLOAT16:
      return DataType::FP16;
    case v1::ELEMENT_TYPE_FLOAT32:
      return DataType::FP32;
    default:
      return DataType::DATA_TYPE_UNSPECIFIED;
  }
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

// All steps as the one that the dialect has, y = (x - mean) / std; exact where they are that one.
v1::PreprocessingStep::Normalization Combine(const google::protobuf::RepeatedPtrField<v1::PreprocessingStep>& steps) {
  if (steps.size() == 1 && steps[0].has_normalization()) return steps[0].normalization();
  int channels = 1;
  for (const v1::PreprocessingStep& step : steps) {
    channels = std::max({channels, step.affine().scale_size(), step.affine().bias_size(),
                         step.normalization().mean_size(), step.normalization().std_size()});
  }
  v1::PreprocessingStep::Normalization combined;
  for (int c = 0; c < channels && !steps.empty(); ++c) {
    const auto [scale, bias] = CombineSteps(steps, static_cast<size_t>(c));
    combined.add_mean(static_cast<float>(scale == 0 ? 0 : -bias / scale));
    combined.add_std(static_cast<float>(scale == 0 ? 1 : 1 / scale));
  }
  return combined;
}

void WriteSteps(const v1::InputConfiguration& input, InputProcessor& processor) {
  auto steps = input.preprocessing();
  // The first is what these two fields say.
  if (processor.scale() != 0 && !steps.empty()) steps.erase(steps.begin());
  const v1::PreprocessingStep::Normalization combined = Combine(steps);
  *processor.mutable_mean() = ReorderChannels(combined.mean(), input);
  *processor.mutable_std() = ReorderChannels(combined.std(), input);
}

// Where samples are prepared in another way than the artifact's input, the artifact's mean and std are said even if
// they change nothing.
void WriteSamples(const v1::InputConfiguration& input, InputConfig& config, InputProcessor& processor) {
  config.clear_calibration_mean();
  config.clear_calibration_std();
  if (input.sample_format() != v1::SAMPLE_FORMAT_MODEL) {
    if (config.calibration_format() != InputConfig::Image) config.clear_calibration_format();
    return;
  }
  if (input.sample_preprocessing_size() == 0) {
    const bool is_photo = processor.scale() != 0 || processor.src_dtype() == DataType::S8;
    if (config.calibration_format() == InputConfig::Image && !is_photo) {
      config.set_calibration_format(InputConfig::Numpy);
    }
    return;
  }
  *config.mutable_calibration_mean() = input.sample_preprocessing(0).normalization().mean();
  *config.mutable_calibration_std() = input.sample_preprocessing(0).normalization().std();
  if (input.preprocessing().empty()) {
    processor.add_mean(0);
    processor.add_std(1);
  }
}

// mean and std stand with the processor alone: that is where the artifact has them.
void WriteInput(const BuildConfig& source, const v1::InputConfiguration& input, const v1::Calibration& calibration,
                BuildConfig& result) {
  const std::string name = input.name().empty() ? "DEFAULT" : input.name();
  InputConfig& config = *result.mutable_quant()->add_input_configs();
  config = ConfigOf(source, input.name());
  config.set_tensor_name(name);
  config.set_calibration_size(calibration.max_samples() == 0 ? -1 : calibration.max_samples());
  InputProcessor& processor = *result.add_input_processors();
  processor = ProcessorOf(source, input.name());
  processor.set_tensor_name(name);
  processor.set_tensor_format(FromColorSpace(input.model_color_space()));
  processor.set_tensor_layout(FromLayout(input.model_layout()));
  processor.set_src_format(FromColorSpace(input.color_space()));
  processor.set_src_layout(FromLayout(input.layout()));
  processor.set_src_dtype(FromElementType(input.element_type()));
  processor.set_csc_mode(FromYuvStandard(input.yuv_standard()));
  *processor.mutable_csc_mat() = input.yuv_matrix();
  WriteSteps(input, processor);
  WriteSamples(input, config, processor);
}

void WriteBatch(const v1::Batch& batch, BuildConfig& result) {
  result.mutable_compiler()->clear_static_batch_sizes();
  result.mutable_compiler()->clear_max_dynamic_batch_size();
  const bool is_doubling = [&batch] {
    for (int i = 0; i < batch.sizes_size(); ++i) {
      if (batch.sizes(i) != 1 << i) return false;
    }
    return batch.is_dynamic() && batch.sizes_size() > 1;
  }();
  if (is_doubling) {
    result.mutable_compiler()->set_max_dynamic_batch_size(*batch.sizes().rbegin());
  } else {
    *result.mutable_compiler()->mutable_static_batch_sizes() = batch.sizes();
  }
  if (result.compiler().ByteSizeLong() == 0) result.clear_compiler();
}

// Whether the attribute may stand in the last of op_processors, whose attributes are read in the order of their names.
bool FitsLast(const v1::ModelEdits::Attribute& attribute, const BuildConfig& result) {
  if (result.op_processors().empty()) return false;
  const auto& last = *result.op_processors().rbegin();
  return last.op_name() == attribute.node() &&
         std::all_of(last.attrs().begin(), last.attrs().end(),
                     [&](const auto& entry) { return entry.first < attribute.name(); });
}

void WriteEdits(const v1::ModelEdits& edits, BuildConfig& result) {
  result.clear_const_processors();
  result.clear_op_processors();
  for (const v1::ModelEdits::Constant& constant : edits.constants()) {
    auto& processor = *result.add_const_processors();
    processor.set_name(constant.name());
    *processor.mutable_data() = constant.values();
  }
  for (const v1::ModelEdits::Attribute& attribute : edits.attributes()) {
    if (!FitsLast(attribute, result)) result.add_op_processors()->set_op_name(attribute.node());
    auto& processor = *result.mutable_op_processors(result.op_processors_size() - 1);
    (*processor.mutable_attrs())[attribute.name()] = attribute.value();
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

BuildConfig CompletePulsar2(const BuildConfig& source, const v1::BuildConfiguration& configuration) {
  BuildConfig result = source;
  WriteTarget(configuration.target(), result);
  result.mutable_quant()->clear_input_configs();
  result.clear_input_processors();
  for (const v1::InputConfiguration& input : configuration.inputs()) {
    WriteInput(source, input, configuration.calibration(), result);
  }
  result.mutable_quant()->set_calibration_method(FromRangeMethod(configuration.calibration().range_method()));
  WriteJoineryConf(configuration, *result.mutable_joinery_conf());
  WritePulsar2Outputs(configuration.outputs(), result);
  WriteBatch(configuration.batch(), result);
  WriteEdits(configuration.edits(), result);
  return result;
}

std::string PrintPulsar2(const BuildConfig& configuration) {
  nlohmann::ordered_json json = ToJson(configuration, /*with_defaults=*/false);
  v1::pulsar::JoineryConf conf = configuration.joinery_conf();
  const bool has_deployment = conf.has_deployment();
  conf.clear_deployment();
  json["joinery_conf"] = ToJson(conf, /*with_defaults=*/true);
  json["joinery_conf"].erase("deployment");
  if (has_deployment) {
    json["joinery_conf"]["deployment"] = ToJson(configuration.joinery_conf().deployment(), /*with_defaults=*/false);
  }
  return json.dump(2) + "\n";
}

std::string FormatPulsar2(const BuildConfig& source, const v1::BuildConfiguration& configuration) {
  return PrintPulsar2(CompletePulsar2(source, configuration));
}

}  // namespace joinery::compiler
