#include "compiler/configuration/pulsar2_inputs.h"

#include <onnx/onnx_pb.h>

#include <algorithm>
#include <cstdint>

#include "absl/strings/str_cat.h"
#include "absl/strings/str_join.h"
#include "absl/strings/string_view.h"
#include "base/status.h"
#include "compiler/configuration/deployed_input.h"
#include "compiler/configuration/deployment.h"
#include "compiler/configuration/preprocessing.h"

namespace joinery::compiler {
namespace {

using ::google::protobuf::RepeatedField;
using ::joinery::v1::pulsar2::BuildConfig;
using ::joinery::v1::pulsar2::ColorSpace;
using ::joinery::v1::pulsar2::DataType;
using ::joinery::v1::pulsar2::InputConfig;
using ::joinery::v1::pulsar2::InputProcessor;
using ::joinery::v1::pulsar2::Layout;

absl::Status Invalid(absl::string_view path, absl::string_view message) {
  return absl::InvalidArgumentError(absl::StrCat(path, ": ", message));
}

bool IsForAll(const std::string& tensor_name) { return tensor_name.empty() || tensor_name == "DEFAULT"; }

// The index of the last of `items` that is about `name`, by name before by default; -1 if there is none.
template <typename Items>
int FindFor(const Items& items, const std::string& name) {
  int found = -1;
  for (int i = 0; i < items.size(); ++i) {
    const bool is_named = items[i].tensor_name() == name;
    const bool beats = is_named || found < 0 || IsForAll(items[found].tensor_name());
    if ((is_named || IsForAll(items[i].tensor_name())) && beats) found = i;
  }
  return found;
}

absl::Status CheckName(const std::string& tensor_name, const std::string& path, const std::vector<std::string>& names) {
  if (IsForAll(tensor_name) || std::count(names.begin(), names.end(), tensor_name) > 0) return absl::OkStatus();
  return Invalid(absl::StrCat(path, ".tensor_name"),
                 absl::StrCat("the model has no input \"", tensor_name, "\"; its inputs are ",
                              absl::StrJoin(names, ", "), "; DEFAULT stands for all"));
}

// What a float model may take; the artifact may take anything.
absl::Status CheckModelColors(ColorSpace::Enum colors, const std::string& path) {
  if (colors >= ColorSpace::Auto && colors <= ColorSpace::RGB) return absl::OkStatus();
  return Invalid(path, absl::StrCat(ColorSpace::Enum_Name(colors),
                                    " is not what this version lets a float model take; use RGB, BGR or GRAY here, and "
                                    "the camera's in src_format"));
}

absl::Status CheckColorConversion(const InputProcessor& processor, const std::string& path) {
  const bool is_yuv = processor.src_format() >= ColorSpace::YUV420SP;
  const std::string csc_path = absl::StrCat(path, ".csc_mode");
  if (is_yuv && processor.csc_mode() == InputProcessor::NoCSC) {
    return Invalid(csc_path, absl::StrCat("src_format is ", ColorSpace::Enum_Name(processor.src_format()),
                                          ": set FullRange, LimitedRange or Matrix, as the camera has it"));
  }
  if (!is_yuv && processor.csc_mode() != InputProcessor::NoCSC) {
    return Invalid(csc_path, absl::StrCat(InputProcessor::CSCMode_Name(processor.csc_mode()),
                                          " needs a src_format of YUV; use NoCSC or correct src_format"));
  }
  if (processor.csc_mode() != InputProcessor::Matrix) return absl::OkStatus();
  if (processor.csc_mat_size() != 12) {
    return Invalid(absl::StrCat(path, ".csc_mat"),
                   absl::StrCat("has ", processor.csc_mat_size(), " numbers; give 12, three rows of four"));
  }
  for (int i = 0; i < 12; ++i) {
    const float value = processor.csc_mat(i);
    const bool is_valid = i % 4 == 3 ? value > -9 && value < 8 : value > -524289 && value < 524288;
    if (is_valid) continue;
    return Invalid(absl::StrCat(path, ".csc_mat[", i, "]"),
                   absl::StrCat(value, " is not within ", i % 4 == 3 ? "(-9, 8)" : "(-524289, 524288)"));
  }
  return absl::OkStatus();
}

// UNSPECIFIED for a type that an input cannot have.
v1::ElementType ToElementType(DataType::Enum type) {
  switch (type) {
    case DataType::U8:
      return v1::ELEMENT_TYPE_UINT8;
    case DataType::S8:
      return v1::ELEMENT_TYPE_INT8;
    case DataType::U16:
      return v1::ELEMENT_TYPE_UINT16;
    case DataType::S16:
      return v1::ELEMENT_TYPE_INT16;
    case DataType::U32:
      return v1::ELEMENT_TYPE_UINT32;
    case DataType::S32:
      return v1::ELEMENT_TYPE_INT32;
    case DataType::FP16:
      return v1::ELEMENT_TYPE_FLOAT16;
    case DataType::FP32:
    case DataType::DATA_TYPE_UNSPECIFIED:
      return v1::ELEMENT_TYPE_FLOAT32;
    default:
      return v1::ELEMENT_TYPE_UNSPECIFIED;
  }
}

absl::Status CheckProcessor(const InputProcessor& processor, const std::string& path) {
  RETURN_IF_ERROR(CheckModelColors(processor.tensor_format(), absl::StrCat(path, ".tensor_format")));
  RETURN_IF_ERROR(CheckColorConversion(processor, path));
  if (!processor.padding().empty()) {
    return Invalid(absl::StrCat(path, ".padding"), "is not supported; put a Pad node into the ONNX model instead");
  }
  if (!processor.slicing().empty()) {
    return Invalid(absl::StrCat(path, ".slicing"), "is not supported; put a Slice node into the ONNX model instead");
  }
  if (processor.scale() == 0 && processor.zeropoint() != 0) {
    return Invalid(absl::StrCat(path, ".zeropoint"), "needs a scale beside it");
  }
  if (ToElementType(processor.src_dtype()) == v1::ELEMENT_TYPE_UNSPECIFIED) {
    return Invalid(absl::StrCat(path, ".src_dtype"),
                   absl::StrCat("an input of type ", DataType::Enum_Name(processor.src_dtype()),
                                " is not supported; use U8, S8, U16, S16, U32, S32, FP16 or FP32"));
  }
  return absl::OkStatus();
}

v1::ColorSpace ToColorSpace(ColorSpace::Enum colors, v1::ColorSpace otherwise) {
  switch (colors) {
    case ColorSpace::RGB:
      return v1::COLOR_SPACE_RGB;
    case ColorSpace::BGR:
      return v1::COLOR_SPACE_BGR;
    case ColorSpace::GRAY:
      return v1::COLOR_SPACE_GRAY;
    case ColorSpace::RGBA:
      return v1::COLOR_SPACE_RGBX;
    case ColorSpace::YUV420SP:
      return v1::COLOR_SPACE_NV12;
    case ColorSpace::YVU420SP:
      return v1::COLOR_SPACE_NV21;
    case ColorSpace::YUYV422:
      return v1::COLOR_SPACE_YUYV;
    case ColorSpace::UYVY422:
      return v1::COLOR_SPACE_UYVY;
    default:
      return otherwise;
  }
}

v1::YuvStandard ToYuvStandard(InputProcessor::CSCMode mode) {
  if (mode == InputProcessor::Matrix) return v1::YUV_STANDARD_MATRIX;
  return mode == InputProcessor::FullRange ? v1::YUV_STANDARD_BT601_FULL : v1::YUV_STANDARD_BT601_LIMITED;
}

bool Equal(const RepeatedField<float>& left, const RepeatedField<float>& right) {
  return std::equal(left.begin(), left.end(), right.begin(), right.end());
}

// Makes the configuration of one input.
class InputTranslator {
 public:
  InputTranslator(const BuildConfig& source, const ModelInput& input, std::vector<std::string>& warnings)
      : input_(input),
        warnings_(warnings),
        config_index_(FindFor(source.quant().input_configs(), input.name)),
        processor_index_(FindFor(source.input_processors(), input.name)),
        config_path_(absl::StrCat("quant.input_configs[", config_index_, "]")),
        processor_path_(absl::StrCat("input_processors[", processor_index_, "]")),
        config_(config_index_ < 0 ? InputConfig() : source.quant().input_configs(config_index_)),
        processor_(processor_index_ < 0 ? InputProcessor() : source.input_processors(processor_index_)) {}

  absl::StatusOr<v1::InputConfiguration> Translate() {
    result_.set_name(input_.name);
    for (const int64_t dimension : input_.shape) result_.add_model_shape(dimension);
    RETURN_IF_ERROR(SetLayouts());
    if (channels_ > 0) {
      RETURN_IF_ERROR(SetColors());
    } else {
      SetNotAPicture();
    }
    SetElementType();
    RETURN_IF_ERROR(SetYuv());
    RETURN_IF_ERROR(SetSteps());
    return std::move(result_);
  }

 private:
  bool IsFloat() const { return input_.element_type == onnx::TensorProto::FLOAT; }
  std::string Name() const { return absl::StrCat("input \"", input_.name, "\""); }

  absl::Status SetLayouts() {
    const bool nchw = CanBePicture(input_, v1::LAYOUT_NCHW);
    const bool nhwc = CanBePicture(input_, v1::LAYOUT_NHWC);
    const Layout::Enum asked = processor_.tensor_layout();
    if ((nchw || nhwc) && ((asked == Layout::NCHW && !nchw) || (asked == Layout::NHWC && !nhwc))) {
      return Invalid(absl::StrCat(processor_path_, ".tensor_layout"),
                     absl::StrCat(Name(), " of shape ", absl::StrJoin(input_.shape, "x"), " cannot be ",
                                  Layout::Enum_Name(asked), " with 1 or 3 channels; remove the layout or correct it"));
    }
    const bool is_nhwc = nhwc && (asked == Layout::NHWC || !nchw);
    if (!nchw && !nhwc) {
      result_.set_model_layout(v1::LAYOUT_NATIVE);
      result_.set_layout(v1::LAYOUT_NATIVE);
      return absl::OkStatus();
    }
    result_.set_model_layout(is_nhwc ? v1::LAYOUT_NHWC : v1::LAYOUT_NCHW);
    result_.set_layout(processor_.src_layout() == Layout::NHWC ? v1::LAYOUT_NHWC : v1::LAYOUT_NCHW);
    channels_ = input_.shape[is_nhwc ? 3 : 1];
    return absl::OkStatus();
  }

  absl::Status SetColors() {
    const v1::ColorSpace usual = channels_ == 3 ? v1::COLOR_SPACE_BGR : v1::COLOR_SPACE_GRAY;
    const v1::ColorSpace model = ToColorSpace(processor_.tensor_format(), usual);
    if (processor_.tensor_format() == ColorSpace::Auto && channels_ == 3) {
      warnings_.push_back(absl::StrCat("input_processors.tensor_format: is not set for ", Name(),
                                       ", which has 3 channels: BGR is taken; set RGB if the float model takes that"));
    }
    const v1::ColorSpace deployed = ToColorSpace(processor_.src_format(), model);
    RETURN_IF_ERROR(CheckChannels(model, "tensor_format"));
    result_.set_model_color_space(model);
    result_.set_color_space(deployed);
    if (SwapsRedAndBlue(result_)) {
      warnings_.push_back(absl::StrCat(processor_path_, ".src_format: differs from tensor_format: the artifact swaps ",
                                       "red and blue of ", Name(), "; the vendor's runtime does not"));
    }
    return absl::OkStatus();
  }

  absl::Status CheckChannels(v1::ColorSpace colors, absl::string_view field) const {
    if ((colors == v1::COLOR_SPACE_GRAY) == (channels_ == 1)) return absl::OkStatus();
    return Invalid(absl::StrCat(processor_path_, ".", field),
                   absl::StrCat(Name(), " has ", channels_, channels_ == 1 ? " channel" : " channels",
                                " and cannot be ", channels_ == 1 ? "RGB or BGR" : "GRAY"));
  }

  void SetNotAPicture() {
    result_.set_color_space(v1::COLOR_SPACE_NONE);
    result_.set_model_color_space(v1::COLOR_SPACE_NONE);
    const bool is_named = !IsForAll(processor_.tensor_name());
    if (is_named && (processor_.tensor_format() != ColorSpace::Auto || processor_.src_format() != ColorSpace::Auto ||
                     processor_.src_layout() != Layout::Default)) {
      warnings_.push_back(absl::StrCat(processor_path_, ": colours and layouts have no effect on ", Name(),
                                       ", which is no picture (float32, rank 4, 1 or 3 channels)"));
    }
  }

  void SetElementType() {
    result_.set_model_element_type(input_.element_type);
    const bool is_set = processor_.src_dtype() != DataType::DATA_TYPE_UNSPECIFIED;
    if (!IsFloat()) {
      result_.set_element_type(v1::ELEMENT_TYPE_NATIVE);
      if (is_set && !IsForAll(processor_.tensor_name())) WarnNotFloat(absl::StrCat(processor_path_, ".src_dtype"));
      return;
    }
    result_.set_element_type(ToElementType(processor_.src_dtype()));
  }

  absl::Status SetYuv() {
    if (!IsYuv(result_.color_space())) return absl::OkStatus();
    const std::string path = absl::StrCat(processor_path_, ".src_format");
    RETURN_IF_ERROR(CheckYuvInput(result_, path));
    // As the vendor's tool does it.
    result_.set_layout(v1::LAYOUT_NHWC);
    result_.set_yuv_standard(ToYuvStandard(processor_.csc_mode()));
    if (processor_.csc_mode() != InputProcessor::Matrix) return absl::OkStatus();
    if (channels_ == 1)
      return Invalid(path, absl::StrCat("Matrix needs a model of three colours, and ", Name(), " is GRAY"));
    *result_.mutable_yuv_matrix() = processor_.csc_mat();
    if (result_.model_color_space() == v1::COLOR_SPACE_BGR) {
      warnings_.push_back(absl::StrCat(processor_path_, ".csc_mat: its rows are taken for red, green and blue, and ",
                                       "turned round for ", Name(), ", which takes BGR"));
    }
    return absl::OkStatus();
  }

  void WarnNotFloat(absl::string_view path) {
    warnings_.push_back(
        absl::StrCat(path, ": has no effect on ", Name(), ", which is not float32: the artifact takes it unchanged"));
  }

  // Of the artifact: processor's, else the calibration's.
  absl::Status SetSteps() {
    result_.set_sample_format(SamplesAreTheModels() ? v1::SAMPLE_FORMAT_MODEL : v1::SAMPLE_FORMAT_DEPLOYED);
    if (processor_.scale() != 0 && IsFloat()) {
      auto& affine = *result_.add_preprocessing()->mutable_affine();
      affine.add_scale(processor_.scale());
      affine.add_bias(-processor_.scale() * static_cast<float>(processor_.zeropoint()));
    }
    const bool from_config = processor_.mean().empty() && processor_.std().empty();
    RETURN_IF_ERROR(AddNormalization(
        processor_.mean().empty() ? config_.calibration_mean() : processor_.mean(),
        processor_.std().empty() ? config_.calibration_std() : processor_.std(),
        from_config ? absl::StrCat(config_path_, ".calibration_") : absl::StrCat(processor_path_, "."),
        IsForAll(from_config ? config_.tensor_name() : processor_.tensor_name()), /*for_samples=*/false));
    if (result_.sample_format() != v1::SAMPLE_FORMAT_MODEL || config_.calibration_format() != InputConfig::Image) {
      return absl::OkStatus();
    }
    return AddNormalization(config_.calibration_mean(), config_.calibration_std(),
                            absl::StrCat(config_path_, ".calibration_"), IsForAll(config_.tensor_name()),
                            /*for_samples=*/true);
  }

  // Whether samples go to the float model rather than through the artifact's own steps: arrays do; photos do where they
  // are prepared in another way than the artifact's input, or cannot be that input.
  bool SamplesAreTheModels() const {
    if (!IsFloat()) return false;
    if (config_.calibration_format() != InputConfig::Image) return true;
    const auto differ = [](const RepeatedField<float>& own, const RepeatedField<float>& calibration) {
      return !own.empty() && !calibration.empty() && !Equal(own, calibration);
    };
    return differ(processor_.mean(), config_.calibration_mean()) ||
           differ(processor_.std(), config_.calibration_std()) || processor_.scale() != 0 ||
           processor_.src_dtype() == DataType::S8;
  }

  absl::Status AddNormalization(const RepeatedField<float>& mean, const RepeatedField<float>& std,
                                const std::string& path, bool is_for_all, bool for_samples) {
    if (mean.empty() && std.empty()) return absl::OkStatus();
    if (!IsFloat()) {
      if (!is_for_all) WarnNotFloat(path + "mean");
      return absl::OkStatus();
    }
    if (channels_ == 0 && is_for_all && (mean.size() > 1 || std.size() > 1)) {
      warnings_.push_back(absl::StrCat(path, "mean: has no effect on ", Name(),
                                       ", which is no picture (float32, rank 4, 1 or 3 channels)"));
      return absl::OkStatus();
    }
    ASSIGN_OR_RETURN(v1::PreprocessingStep step, ToNormalization(mean, std, channels_, path));
    if (for_samples) {
      *result_.add_sample_preprocessing() = std::move(step);
      return absl::OkStatus();
    }
    auto& normalization = *step.mutable_normalization();
    *normalization.mutable_mean() = ReorderChannels(normalization.mean(), result_);
    *normalization.mutable_std() = ReorderChannels(normalization.std(), result_);
    *result_.add_preprocessing() = std::move(step);
    return absl::OkStatus();
  }

  const ModelInput& input_;
  std::vector<std::string>& warnings_;
  const int config_index_;
  const int processor_index_;
  const std::string config_path_;
  const std::string processor_path_;
  const InputConfig config_;
  const InputProcessor processor_;
  // 0 if the input is no picture.
  int64_t channels_ = 0;
  v1::InputConfiguration result_;
};

}  // namespace

int InputConfigOf(const BuildConfig& source, const std::string& name) {
  return FindFor(source.quant().input_configs(), name);
}

int InputProcessorOf(const BuildConfig& source, const std::string& name) {
  return FindFor(source.input_processors(), name);
}

RepeatedField<float> ReorderChannels(const RepeatedField<float>& values, const v1::InputConfiguration& input) {
  RepeatedField<float> reordered = values;
  if (SwapsRedAndBlue(input) && !ConvertsColors(input)) std::reverse(reordered.begin(), reordered.end());
  return reordered;
}

absl::Status CheckPulsar2Inputs(const BuildConfig& source, const std::vector<ModelInput>& inputs) {
  const std::vector<std::string> names = InputNames(inputs);
  const auto& configs = source.quant().input_configs();
  for (int i = 0; i < configs.size(); ++i) {
    const std::string path = absl::StrCat("quant.input_configs[", i, "]");
    RETURN_IF_ERROR(CheckName(configs[i].tensor_name(), path, names));
  }
  for (int i = 0; i < source.input_processors_size(); ++i) {
    const std::string path = absl::StrCat("input_processors[", i, "]");
    RETURN_IF_ERROR(CheckName(source.input_processors(i).tensor_name(), path, names));
    RETURN_IF_ERROR(CheckProcessor(source.input_processors(i), path));
  }
  return absl::OkStatus();
}

absl::StatusOr<v1::InputConfiguration> TranslatePulsar2Input(const BuildConfig& source, const ModelInput& input,
                                                             std::vector<std::string>& warnings) {
  return InputTranslator(source, input, warnings).Translate();
}

}  // namespace joinery::compiler
