#include "compiler/configuration/pulsar2_inputs.h"

#include <onnx/onnx_pb.h>

#include <algorithm>
#include <cstdint>

#include "absl/strings/str_cat.h"
#include "absl/strings/str_join.h"
#include "absl/strings/string_view.h"
#include "base/status.h"
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

absl::Status CheckColors(ColorSpace::Enum colors, const std::string& path) {
  if (colors >= ColorSpace::Auto && colors <= ColorSpace::RGB) return absl::OkStatus();
  return Invalid(path, absl::StrCat(ColorSpace::Enum_Name(colors),
                                    " is not supported by this version; use RGB, BGR or "
                                    "GRAY, and convert before the artifact"));
}

absl::Status CheckProcessor(const InputProcessor& processor, const std::string& path) {
  RETURN_IF_ERROR(CheckColors(processor.tensor_format(), absl::StrCat(path, ".tensor_format")));
  RETURN_IF_ERROR(CheckColors(processor.src_format(), absl::StrCat(path, ".src_format")));
  if (processor.csc_mode() != InputProcessor::NoCSC) {
    return Invalid(absl::StrCat(path, ".csc_mode"),
                   absl::StrCat(InputProcessor::CSCMode_Name(processor.csc_mode()),
                                " is not supported by this version: the artifact reads no YUV; use NoCSC"));
  }
  if (!processor.padding().empty()) return Invalid(absl::StrCat(path, ".padding"), "is not supported by this version");
  if (!processor.slicing().empty()) return Invalid(absl::StrCat(path, ".slicing"), "is not supported by this version");
  if (processor.scale() != 0 || processor.zeropoint() != 0) {
    return Invalid(absl::StrCat(path, ".scale"), "inputs that are quantized already are not supported by this version");
  }
  const DataType::Enum type = processor.src_dtype();
  if (type != DataType::DATA_TYPE_UNSPECIFIED && type != DataType::U8 && type != DataType::FP32) {
    return Invalid(absl::StrCat(path, ".src_dtype"), absl::StrCat("an input of type ", DataType::Enum_Name(type),
                                                                  " is not supported by this version; use U8 or FP32"));
  }
  return absl::OkStatus();
}

absl::Status CheckInputConfig(const InputConfig& config, const std::string& path) {
  const auto format = config.calibration_format();
  if (format == InputConfig::Image || format == InputConfig::Numpy) return absl::OkStatus();
  return Invalid(absl::StrCat(path, ".calibration_format"),
                 absl::StrCat(InputConfig::DataFormat_Name(format),
                              " is not supported by this version; use Image, or Numpy with .npy files"));
}

v1::ColorSpace ToColorSpace(ColorSpace::Enum colors, v1::ColorSpace otherwise) {
  switch (colors) {
    case ColorSpace::RGB:
      return v1::COLOR_SPACE_RGB;
    case ColorSpace::BGR:
      return v1::COLOR_SPACE_BGR;
    case ColorSpace::GRAY:
      return v1::COLOR_SPACE_GRAY;
    default:
      return otherwise;
  }
}

bool SwapsChannels(const v1::InputConfiguration& input) { return input.color_space() != input.model_color_space(); }

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
    RETURN_IF_ERROR(CheckChannels(deployed, "src_format"));
    result_.set_model_color_space(model);
    result_.set_color_space(deployed);
    if (model != deployed) {
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
    const bool is_uint8 = processor_.src_dtype() == DataType::U8;
    if (!IsFloat()) {
      result_.set_element_type(v1::ELEMENT_TYPE_NATIVE);
      if (is_uint8 && !IsForAll(processor_.tensor_name())) WarnNotFloat(absl::StrCat(processor_path_, ".src_dtype"));
      return;
    }
    result_.set_element_type(is_uint8 ? v1::ELEMENT_TYPE_UINT8 : v1::ELEMENT_TYPE_FLOAT32);
  }

  void WarnNotFloat(absl::string_view path) {
    warnings_.push_back(
        absl::StrCat(path, ": has no effect on ", Name(), ", which is not float32: the artifact takes it unchanged"));
  }

  // Photos are calibrated with through the artifact's own steps: there is no second way to prepare them.
  absl::Status CheckSame(const RepeatedField<float>& own, const RepeatedField<float>& calibration,
                         absl::string_view field) const {
    if (own.empty() || calibration.empty() || Equal(own, calibration)) return absl::OkStatus();
    return Invalid(absl::StrCat(processor_path_, ".", field),
                   absl::StrCat("differs from ", config_path_, ".calibration_", field, " for ", Name(),
                                "; give the same, or only one of them"));
  }

  absl::Status SetSteps() {
    RETURN_IF_ERROR(CheckSame(processor_.mean(), config_.calibration_mean(), "mean"));
    RETURN_IF_ERROR(CheckSame(processor_.std(), config_.calibration_std(), "std"));
    const RepeatedField<float>& mean = processor_.mean().empty() ? config_.calibration_mean() : processor_.mean();
    const RepeatedField<float>& std = processor_.std().empty() ? config_.calibration_std() : processor_.std();
    if (mean.empty() && std.empty()) return absl::OkStatus();
    const bool from_config = processor_.mean().empty() && processor_.std().empty();
    const std::string path =
        from_config ? absl::StrCat(config_path_, ".calibration_") : absl::StrCat(processor_path_, ".");
    const bool is_for_all = IsForAll(from_config ? config_.tensor_name() : processor_.tensor_name());
    if (!IsFloat()) {
      if (!is_for_all) WarnNotFloat(path + "mean");
      return absl::OkStatus();
    }
    if (channels_ == 0 && is_for_all && (mean.size() > 1 || std.size() > 1)) {
      warnings_.push_back(absl::StrCat(path, "mean: has no effect on ", Name(),
                                       ", which is no picture (float32, rank 4, 1 or 3 channels)"));
      return absl::OkStatus();
    }
    RETURN_IF_ERROR(CheckNumpy());
    ASSIGN_OR_RETURN(v1::PreprocessingStep step, ToNormalization(mean, std, channels_, path));
    auto& normalization = *step.mutable_normalization();
    *normalization.mutable_mean() = ReorderChannels(normalization.mean(), result_);
    *normalization.mutable_std() = ReorderChannels(normalization.std(), result_);
    *result_.add_preprocessing() = std::move(step);
    return absl::OkStatus();
  }

  // The vendor's tool takes arrays as the float model's input, Joinery as the artifact's: with steps between the two
  // they would be prepared twice.
  absl::Status CheckNumpy() const {
    if (config_.calibration_format() != InputConfig::Numpy) return absl::OkStatus();
    return Invalid(absl::StrCat(config_path_, ".calibration_format"),
                   absl::StrCat("arrays are taken as the artifact takes them, before mean and std: for ", Name(),
                                " remove mean and std, or give photos"));
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
  if (SwapsChannels(input)) std::reverse(reordered.begin(), reordered.end());
  return reordered;
}

absl::Status CheckPulsar2Inputs(const BuildConfig& source, const std::vector<ModelInput>& inputs) {
  const std::vector<std::string> names = InputNames(inputs);
  const auto& configs = source.quant().input_configs();
  for (int i = 0; i < configs.size(); ++i) {
    const std::string path = absl::StrCat("quant.input_configs[", i, "]");
    RETURN_IF_ERROR(CheckName(configs[i].tensor_name(), path, names));
    RETURN_IF_ERROR(CheckInputConfig(configs[i], path));
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
