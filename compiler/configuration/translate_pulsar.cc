#include <onnx/onnx_pb.h>

#include <algorithm>
#include <array>
#include <utility>

#include "absl/strings/str_cat.h"
#include "absl/strings/str_join.h"
#include "base/status.h"
#include "compiler/configuration/check_deployment.h"
#include "compiler/configuration/deployed_input.h"
#include "compiler/configuration/deployment.h"
#include "compiler/configuration/enum_names.h"
#include "compiler/configuration/joinery_conf.h"
#include "compiler/configuration/node_pattern.h"
#include "compiler/configuration/preprocessing.h"
#include "compiler/configuration/pulsar_fields.h"
#include "compiler/configuration/pulsar_outputs.h"
#include "compiler/configuration/pulsar_prototxt.h"
#include "compiler/configuration/tensor_conf.h"

namespace joinery::compiler {
namespace {

using ::joinery::v1::pulsar::DatasetConf;
using ::joinery::v1::pulsar::DataType;
using ::joinery::v1::pulsar::InputConfItem;
using ::joinery::v1::pulsar::OperatorConfItem;
using ::joinery::v1::pulsar::PulsarConf;
using ::joinery::v1::pulsar::PulsarConfiguration;
using ::joinery::v1::pulsar::TensorConf;

using Warnings = std::vector<std::string>;

constexpr absl::string_view kItemsPath = "neuwizard_conf.operator_conf.input_conf_items";
constexpr absl::string_view kOperatorsPath = "neuwizard_conf.operator_conf.operator_conf_items";
constexpr absl::string_view kDatasetPath = "neuwizard_conf.dataset_conf_calibration";

// The part of an enum value's name after its last underscore: "112" of AX620_VIRTUAL_NPU_MODE_112.
std::string LastWord(const std::string& name) { return name.substr(name.rfind('_') + 1); }

absl::StatusOr<v1::Target> TranslateTarget(const PulsarConfiguration& source, Warnings& warnings) {
  const PulsarConf& conf = source.pulsar_conf();
  const std::string ax630 = LastWord(PulsarConf::VirtualNpu_Name(conf.virtual_npu()));
  const std::string ax620 = LastWord(PulsarConf::Ax620VirtualNpu_Name(conf.ax620_virtual_npu()));
  v1::Target target;
  target.set_hardware("ONNX_RUNTIME");
  target.set_virtual_npu("AUTO");
  if (source.target_hardware() == PulsarConfiguration::TARGET_HARDWARE_AX170) {
    return absl::InvalidArgumentError(
        "target_hardware: TARGET_HARDWARE_AX170 is not supported by this version; use TARGET_HARDWARE_AX620 or _AX630");
  }
  const bool is_ax620 = source.target_hardware() == PulsarConfiguration::TARGET_HARDWARE_AX620;
  const bool is_ax630 = source.target_hardware() == PulsarConfiguration::TARGET_HARDWARE_AX630;
  if (is_ax620 || is_ax630) {
    target.set_hardware(is_ax620 ? "AX620" : "AX630");
    target.set_virtual_npu(is_ax620 ? ax620 : ax630);
  }
  if (!is_ax630 && ax630 != "AUTO") {
    warnings.push_back(absl::StrCat("pulsar_conf.virtual_npu: ", ax630,
                                    " is for the AX630 and has no effect: the target is ", target.hardware()));
  }
  if (!is_ax620 && ax620 != "AUTO") {
    warnings.push_back(absl::StrCat("pulsar_conf.ax620_virtual_npu: ", ax620,
                                    " is for the AX620 and has no effect: the target is ", target.hardware()));
  }
  return target;
}

absl::StatusOr<v1::Calibration> TranslateCalibration(const PulsarConfiguration& source) {
  const DatasetConf& dataset = source.neuwizard_conf().dataset_conf_calibration();
  if (dataset.size() < 0) {
    return absl::InvalidArgumentError(
        absl::StrCat(kDatasetPath, ".size: ", dataset.size(), " is negative; give a number of samples, or 0 for all"));
  }
  v1::Calibration calibration;
  calibration.set_max_samples(dataset.size());
  if (dataset.observer_method() == DatasetConf::OBSVR_METHOD_MIN_MAX) {
    calibration.set_range_method(v1::RANGE_METHOD_MIN_MAX);
  } else if (dataset.observer_method() == DatasetConf::OBSVR_METHOD_MSE_CLIPPING) {
    calibration.set_range_method(v1::RANGE_METHOD_MSE);
  }
  calibration.set_weight_granularity(dataset.calibration_strategy() == DatasetConf::CALIB_STRATEGY_PER_TENSOR
                                         ? v1::WEIGHT_GRANULARITY_PER_TENSOR
                                         : v1::WEIGHT_GRANULARITY_PER_CHANNEL);
  RETURN_IF_ERROR(TranslateRanges(source.joinery_conf(), calibration));
  return calibration;
}

// LAYER_BITS_UNSPECIFIED for DATA_TYPE_UNKNOWN.
absl::StatusOr<v1::LayerBits> BitsOf(DataType::Enum type, absl::string_view path) {
  switch (type) {
    case DataType::DATA_TYPE_UNKNOWN:
      return v1::LAYER_BITS_UNSPECIFIED;
    case DataType::UINT8:
    case DataType::INT8:
      return v1::LAYER_BITS_8;
    case DataType::UINT16:
    case DataType::INT16:
      return v1::LAYER_BITS_16;
    case DataType::FLOAT32:
      return v1::LAYER_BITS_FLOAT;
    default:
      return absl::InvalidArgumentError(absl::StrCat(path, ": ", DataType::Enum_Name(type),
                                                     " is not supported; use UINT8, INT8, UINT16, INT16 or FLOAT32"));
  }
}

absl::StatusOr<v1::LayerFormat> FormatOfItem(const OperatorConfItem& item, const std::string& path) {
  v1::LayerFormat format;
  const v1::pulsar::Selector& selector = item.selector();
  if (!selector.op_name().empty() && !selector.op_name_regex().empty()) {
    return absl::InvalidArgumentError(
        absl::StrCat(path, ".selector: has both op_name and op_name_regex; give one of them"));
  }
  if (!selector.op_name().empty()) format.add_node_names(selector.op_name());
  if (!selector.op_name_regex().empty()) {
    RETURN_IF_ERROR(CheckNodePattern(selector.op_name_regex(), absl::StrCat(path, ".selector.op_name_regex")));
    format.add_node_name_patterns(selector.op_name_regex());
  }
  ASSIGN_OR_RETURN(const v1::LayerBits features, BitsOf(item.attributes().input_feature_type(),
                                                        absl::StrCat(path, ".attributes.input_feature_type")));
  ASSIGN_OR_RETURN(const v1::LayerBits weights,
                   BitsOf(item.attributes().weight_type(), absl::StrCat(path, ".attributes.weight_type")));
  // 8-bit weights are what 16-bit activations usually come with: the wider one tells what is wanted.
  format.set_bits(std::max(features, weights));
  return format;
}

// operator_conf_items first: joinery_conf, where it says another thing of the same layer, was written for this program.
absl::StatusOr<v1::Quantization> TranslateAlgorithms(const PulsarConfiguration& source) {
  ASSIGN_OR_RETURN(v1::Quantization quantization, TranslateQuantization(source.joinery_conf()));
  const auto own_layers = quantization.layers();
  quantization.clear_layers();
  const auto& items = source.neuwizard_conf().operator_conf().operator_conf_items();
  for (int i = 0; i < items.size(); ++i) {
    ASSIGN_OR_RETURN(v1::LayerFormat format, FormatOfItem(items[i], absl::StrCat(kOperatorsPath, "[", i, "]")));
    if (format.bits() != v1::LAYER_BITS_UNSPECIFIED) *quantization.add_layers() = std::move(format);
  }
  quantization.mutable_layers()->MergeFrom(own_layers);
  return quantization;
}

absl::StatusOr<v1::Batch> TranslateBatch(const PulsarConfiguration& source) {
  const PulsarConf& conf = source.pulsar_conf();
  v1::Batch batch;
  const bool is_one =
      std::all_of(conf.batch_size().begin(), conf.batch_size().end(), [](int size) { return size == 1; });
  if (is_one) return batch;
  batch.mutable_sizes()->MergeFrom(conf.batch_size());
  batch.set_is_dynamic(conf.batch_size_option() == PulsarConf::BSO_DYNAMIC || conf.batch_size_size() > 1);
  if (conf.batch_size_option() == PulsarConf::BSO_STATIC && conf.batch_size_size() > 1) {
    return absl::InvalidArgumentError(
        "pulsar_conf.batch_size_option: BSO_STATIC takes one batch_size; give one, or use BSO_DYNAMIC");
  }
  return batch;
}

// What would build another model than the one asked for is refused rather than warned of.
absl::Status RefuseUnsupported(const PulsarConfiguration& source) {
  if (source.output_type() == PulsarConfiguration::OUTPUT_TYPE_SUPERNET) {
    return absl::InvalidArgumentError(
        "output_type: OUTPUT_TYPE_SUPERNET is not supported by this version; use OUTPUT_TYPE_JOINT");
  }
  const auto& batch_sizes = source.pulsar_conf().batch_size();
  for (int i = 0; i < batch_sizes.size(); ++i) {
    if (batch_sizes[i] < 1 || batch_sizes[i] > kLargestBatch) {
      return absl::InvalidArgumentError(absl::StrCat("pulsar_conf.batch_size[", i, "]: ", batch_sizes[i],
                                                     " is no batch size; use 1 to ", kLargestBatch));
    }
  }
  return absl::OkStatus();
}

// LAYOUT_NATIVE if `input` is no picture.
absl::StatusOr<v1::Layout> ModelLayout(const ModelInput& input, const TensorConf& conf) {
  const bool may_be_picture = input.element_type == onnx::TensorProto::FLOAT && input.shape.size() == 4;
  const bool nchw = CanBePicture(input, v1::LAYOUT_NCHW);
  const bool nhwc = CanBePicture(input, v1::LAYOUT_NHWC);
  const TensorConf::TensorLayout asked = conf.tensor_layout();
  if (may_be_picture && ((asked == TensorConf::NCHW && !nchw) || (asked == TensorConf::NHWC && !nhwc))) {
    return absl::InvalidArgumentError(absl::StrCat(
        "src_input_tensors.tensor_layout: input \"", input.name, "\" of shape ", absl::StrJoin(input.shape, "x"),
        " cannot be ", TensorConf::TensorLayout_Name(asked), " with 1 or 3 channels; remove the layout or correct it"));
  }
  if (nhwc && (asked == TensorConf::NHWC || !nchw)) return v1::LAYOUT_NHWC;
  return nchw ? v1::LAYOUT_NCHW : v1::LAYOUT_NATIVE;
}

// Makes the configuration of one input. `warnings` gets what was chosen and what cannot apply.
class InputTranslator {
 public:
  InputTranslator(const PulsarConfiguration& source, const ModelInput& input, Warnings& warnings)
      : source_(source),
        input_(input),
        warnings_(warnings),
        source_conf_(SourceTensorConf(source, input.name)),
        deployed_conf_(DeployedTensorConf(source, input.name)) {}

  // `items`: the input_conf_items for this input, by index.
  absl::StatusOr<v1::InputConfiguration> Translate(const std::vector<int>& items) {
    ASSIGN_OR_RETURN(const v1::Layout model_layout, ModelLayout(input_, source_conf_));
    result_.set_name(input_.name);
    result_.set_model_layout(model_layout);
    for (const int64_t dimension : input_.shape) result_.add_model_shape(dimension);
    if (model_layout != v1::LAYOUT_NATIVE) {
      channels_ = input_.shape[model_layout == v1::LAYOUT_NCHW ? 1 : 3];
      RETURN_IF_ERROR(SetColors());
      result_.set_layout(deployed_conf_.tensor_layout() == TensorConf::NCHW ? v1::LAYOUT_NCHW : v1::LAYOUT_NHWC);
    } else {
      SetNotAPicture();
    }
    result_.set_model_element_type(input_.element_type);
    result_.set_sample_format(v1::SAMPLE_FORMAT_DEPLOYED);
    RETURN_IF_ERROR(SetElementType(items));
    RETURN_IF_ERROR(SetYuv());
    AddQuantizationStep();
    RETURN_IF_ERROR(AddSteps(items));
    return std::move(result_);
  }

 private:
  std::string Name() const { return absl::StrCat("input \"", input_.name, "\""); }
  bool IsFloat() const { return input_.element_type == onnx::TensorProto::FLOAT; }

  absl::StatusOr<v1::ColorSpace> ColorSpaceOf(const TensorConf& conf, absl::string_view list, absl::string_view whose) {
    const v1::ColorSpace color_space = ToColorSpace(conf.color_space(), channels_);
    const bool is_model = &conf == &source_conf_;
    if (is_model && (color_space == v1::COLOR_SPACE_GRAY) != (channels_ == 1)) {
      return absl::InvalidArgumentError(absl::StrCat(list, ".color_space: ", Name(), " has ", channels_,
                                                     channels_ == 1 ? " channel" : " channels", " and cannot be ",
                                                     NameOf(color_space)));
    }
    if (conf.color_space() == TensorConf::TENSOR_COLOR_SPACE_AUTO && channels_ == 3) {
      warnings_.push_back(absl::StrCat(list, ".color_space: is AUTO for ", Name(), ", which has 3 channels: ", whose,
                                       " takes BGR; set it if the colours are RGB"));
    }
    return color_space;
  }

  absl::Status SetColors() {
    ASSIGN_OR_RETURN(const v1::ColorSpace model, ColorSpaceOf(source_conf_, "src_input_tensors", "the float model"));
    ASSIGN_OR_RETURN(const v1::ColorSpace deployed, ColorSpaceOf(deployed_conf_, "dst_input_tensors", "the artifact"));
    result_.set_model_color_space(model);
    result_.set_color_space(deployed);
    return absl::OkStatus();
  }

  void SetNotAPicture() {
    result_.set_layout(v1::LAYOUT_NATIVE);
    result_.set_color_space(v1::COLOR_SPACE_NONE);
    result_.set_model_color_space(v1::COLOR_SPACE_NONE);
    const std::array<std::pair<const TensorConf*, absl::string_view>, 2> confs = {
        {{&source_conf_, "src_input_tensors"}, {&deployed_conf_, "dst_input_tensors"}}};
    for (const auto& [conf, list] : confs) {
      if (conf->color_space() != TensorConf::TENSOR_COLOR_SPACE_AUTO) WarnNotAPicture(list, "color_space");
      if (conf->tensor_layout() != TensorConf::NATIVE) WarnNotAPicture(list, "tensor_layout");
    }
  }

  void WarnNotAPicture(absl::string_view list, absl::string_view field) {
    warnings_.push_back(absl::StrCat(list, ".", field, ": has no effect on ", Name(),
                                     ", which is no picture (float32, rank 4, 1 or 3 channels)"));
  }

  absl::Status SetElementType(const std::vector<int>& items) {
    DataType::Enum asked = deployed_conf_.data_type();
    std::string path = "dst_input_tensors.data_type";
    for (const int i : items) {
      const DataType::Enum type = Item(i).attributes().type();
      if (type == DataType::DATA_TYPE_UNKNOWN) continue;
      path = absl::StrCat(kItemsPath, "[", i, "].attributes.type");
      RETURN_IF_ERROR(ToElementType(type, path).status());
      if (deployed_conf_.data_type() != DataType::DATA_TYPE_UNKNOWN && deployed_conf_.data_type() != type) {
        return absl::InvalidArgumentError(absl::StrCat(path, ": ", DataType::Enum_Name(type), " for ", Name(),
                                                       " contradicts ", DataType::Enum_Name(deployed_conf_.data_type()),
                                                       " in dst_input_tensors.data_type"));
      }
      asked = type;
    }
    if (!IsFloat()) {
      result_.set_element_type(v1::ELEMENT_TYPE_NATIVE);
      if (asked != DataType::DATA_TYPE_UNKNOWN) WarnNotFloat(path);
      return absl::OkStatus();
    }
    if (asked == DataType::DATA_TYPE_UNKNOWN) asked = DefaultType();
    ASSIGN_OR_RETURN(const v1::ElementType type, ToElementType(asked, path));
    result_.set_element_type(type);
    return absl::OkStatus();
  }

  absl::Status SetYuv() {
    if (!IsYuv(result_.color_space())) return absl::OkStatus();
    RETURN_IF_ERROR(CheckYuvInput(result_, "dst_input_tensors.color_space"));
    if (result_.layout() != v1::LAYOUT_NHWC) WarnYuvLayout();
    result_.set_layout(v1::LAYOUT_NHWC);
    if (deployed_conf_.color_standard() == TensorConf::CSC_LEGACY) {
      warnings_.push_back(absl::StrCat("dst_input_tensors.color_standard: is CSC_LEGACY for ", Name(),
                                       ", whose meaning the vendor does not publish: CSS_ITU_BT601_STUDIO_SWING is "
                                       "taken; set what the camera gives"));
    }
    const bool is_full = deployed_conf_.color_standard() == TensorConf::CSS_ITU_BT601_FULL_SWING;
    result_.set_yuv_standard(is_full ? v1::YUV_STANDARD_BT601_FULL : v1::YUV_STANDARD_BT601_LIMITED);
    return absl::OkStatus();
  }

  void WarnYuvLayout() {
    warnings_.push_back(
        absl::StrCat("dst_input_tensors.tensor_layout: has no effect on ", Name(), ", which is YUV: that is NHWC"));
  }

  // A whole number of the input is so many times the value it stands for.
  void AddQuantizationStep() {
    const int32_t value = deployed_conf_.quantization_value();
    if (value == 0) return;
    if (!IsFloat() || result_.element_type() == v1::ELEMENT_TYPE_FLOAT32) {
      warnings_.push_back(absl::StrCat("dst_input_tensors.quantization_value: has no effect on ", Name(),
                                       ", which does not become whole numbers of float32"));
      return;
    }
    if (value != 1) result_.add_preprocessing()->mutable_affine()->add_scale(1.0F / static_cast<float>(value));
    warnings_.push_back(absl::StrCat("dst_input_tensors.quantization_value: a number of ", Name(), " stands for ",
                                     "itself divided by ", value));
  }

  // Bytes are what a camera gives; whole numbers from 0 to 255 are hardly ever what else a float model takes.
  DataType::Enum DefaultType() {
    if (channels_ > 0) return DataType::UINT8;
    warnings_.push_back(absl::StrCat("dst_input_tensors.data_type: is not set for ", Name(),
                                     ", which is no picture: the artifact takes FLOAT32; set UINT8 if it is bytes"));
    return DataType::FLOAT32;
  }

  void WarnNotFloat(absl::string_view path) {
    warnings_.push_back(
        absl::StrCat(path, ": has no effect on ", Name(), ", which is not float32: the artifact takes it unchanged"));
  }

  absl::Status AddSteps(const std::vector<int>& items) {
    for (const int i : items) {
      const auto& modifications = Item(i).attributes().input_modifications();
      for (int j = 0; j < modifications.size(); ++j) {
        const std::string path = absl::StrCat(kItemsPath, "[", i, "].attributes.input_modifications[", j, "]");
        if (!IsFloat()) {
          WarnNotFloat(path);
          continue;
        }
        ASSIGN_OR_RETURN(*result_.add_preprocessing(), ToPreprocessingStep(modifications[j], channels_, path));
      }
    }
    return absl::OkStatus();
  }

  const InputConfItem& Item(int index) const {
    return source_.neuwizard_conf().operator_conf().input_conf_items(index);
  }

  const PulsarConfiguration& source_;
  const ModelInput& input_;
  Warnings& warnings_;
  const TensorConf source_conf_;
  const TensorConf deployed_conf_;
  // 0 if the input is no picture.
  int64_t channels_ = 0;
  v1::InputConfiguration result_;
};

// For each input the indices of the items that are about it.
absl::StatusOr<std::vector<std::vector<int>>> ItemsOfInputs(const PulsarConfiguration& source,
                                                            const std::vector<std::string>& names) {
  std::vector<std::vector<int>> items_of(names.size());
  const auto& items = source.neuwizard_conf().operator_conf().input_conf_items();
  for (int i = 0; i < items.size(); ++i) {
    ASSIGN_OR_RETURN(const std::vector<bool> selected,
                     SelectInputs(items[i].selector(), names, absl::StrCat(kItemsPath, "[", i, "].selector")));
    for (size_t j = 0; j < names.size(); ++j) {
      if (selected[j]) items_of[j].push_back(i);
    }
  }
  return items_of;
}

}  // namespace

absl::StatusOr<Translation> TranslatePulsar(const PulsarConfiguration& source, const std::vector<ModelInput>& inputs) {
  Translation translation;
  RETURN_IF_ERROR(RefuseUnsupported(source));
  ASSIGN_OR_RETURN(*translation.configuration.mutable_target(), TranslateTarget(source, translation.warnings));
  const std::vector<std::string> names = InputNames(inputs);
  RETURN_IF_ERROR(CheckTensorConfs(source, names));
  ASSIGN_OR_RETURN(const std::vector<std::vector<int>> items_of, ItemsOfInputs(source, names));
  for (size_t i = 0; i < inputs.size(); ++i) {
    InputTranslator translator(source, inputs[i], translation.warnings);
    ASSIGN_OR_RETURN(*translation.configuration.add_inputs(), translator.Translate(items_of[i]));
  }
  ASSIGN_OR_RETURN(*translation.configuration.mutable_outputs(), TranslatePulsarOutputs(source));
  ASSIGN_OR_RETURN(*translation.configuration.mutable_batch(), TranslateBatch(source));
  if (translation.configuration.batch().sizes().empty()) translation.configuration.clear_batch();
  ASSIGN_OR_RETURN(*translation.configuration.mutable_calibration(), TranslateCalibration(source));
  ASSIGN_OR_RETURN(*translation.configuration.mutable_quantization(), TranslateAlgorithms(source));
  if (source.joinery_conf().has_deployment()) {
    ApplyDeployment(source.joinery_conf().deployment(), translation.configuration);
    RETURN_IF_ERROR(CheckDeployment(translation.configuration));
  }
  for (std::string& sentence : DescribeIgnoredFields(source)) translation.warnings.push_back(std::move(sentence));
  return translation;
}

}  // namespace joinery::compiler
