#include "compiler/configuration/check_deployment.h"

#include <onnx/onnx_pb.h>

#include <algorithm>
#include <cmath>
#include <set>
#include <string>

#include "absl/strings/str_cat.h"
#include "absl/strings/string_view.h"
#include "base/status.h"
#include "compiler/configuration/deployed_input.h"
#include "compiler/configuration/deployment.h"
#include "compiler/configuration/model_edits.h"

namespace joinery::compiler {
namespace {

using ::google::protobuf::RepeatedField;
using ::google::protobuf::RepeatedPtrField;

absl::Status Invalid(const std::string& path, absl::string_view message) {
  return absl::InvalidArgumentError(absl::StrCat("deployment.", path, ": ", message));
}

absl::Status CheckValues(const RepeatedField<float>& values, int64_t channels, bool is_divisor,
                         const std::string& path) {
  const bool has_one_each = values.size() == 1 || values.size() == channels;
  if (!has_one_each) return Invalid(path, absl::StrCat("has ", values.size(), " numbers; give 1 or one a channel"));
  const bool is_valid = std::all_of(values.begin(), values.end(),
                                    [&](float value) { return std::isfinite(value) && (!is_divisor || value != 0); });
  return is_valid ? absl::OkStatus() : Invalid(path, is_divisor ? "has a 0, or what is no number" : "is no number");
}

absl::Status CheckSteps(const RepeatedPtrField<v1::PreprocessingStep>& steps, int64_t channels,
                        const std::string& path) {
  for (int i = 0; i < steps.size(); ++i) {
    const std::string step = absl::StrCat(path, "[", i, "]");
    if (steps[i].has_affine()) {
      RETURN_IF_ERROR(CheckValues(steps[i].affine().scale(), channels, false, step + ".affine.scale"));
      RETURN_IF_ERROR(CheckValues(steps[i].affine().bias(), channels, false, step + ".affine.bias"));
    } else if (steps[i].has_normalization()) {
      RETURN_IF_ERROR(CheckValues(steps[i].normalization().mean(), channels, false, step + ".normalization.mean"));
      RETURN_IF_ERROR(CheckValues(steps[i].normalization().std(), channels, true, step + ".normalization.std"));
    } else {
      return Invalid(step, "is empty; give it affine or normalization, or remove it");
    }
  }
  return absl::OkStatus();
}

bool IsColor(v1::ColorSpace colors) { return colors > v1::COLOR_SPACE_NONE && v1::ColorSpace_IsValid(colors); }

absl::Status CheckNoPicture(const v1::InputConfiguration& input, const std::string& path) {
  if (input.layout() != v1::LAYOUT_NATIVE || input.model_layout() != v1::LAYOUT_NATIVE) {
    return Invalid(path, "is no picture (float32, rank 4, 1 or 3 channels); its layouts are LAYOUT_NATIVE");
  }
  if (input.color_space() == v1::COLOR_SPACE_NONE && input.model_color_space() == v1::COLOR_SPACE_NONE) {
    return absl::OkStatus();
  }
  return Invalid(path, "is no picture (float32, rank 4, 1 or 3 channels); its colours are COLOR_SPACE_NONE");
}

absl::Status CheckYuv(const v1::InputConfiguration& input, const std::string& path) {
  RETURN_IF_ERROR(CheckYuvInput(input, absl::StrCat("deployment.", path, ".color_space")));
  if (input.layout() != v1::LAYOUT_NHWC) return Invalid(path + ".layout", "YUV is LAYOUT_NHWC");
  if (input.yuv_standard() == v1::YUV_STANDARD_UNSPECIFIED || !v1::YuvStandard_IsValid(input.yuv_standard())) {
    return Invalid(path + ".yuv_standard", "is missing; YUV needs it");
  }
  if (input.yuv_standard() != v1::YUV_STANDARD_MATRIX) return absl::OkStatus();
  const auto& matrix = input.yuv_matrix();
  if (matrix.size() != 12 || ModelPicture(input).channels != 3) {
    return Invalid(path + ".yuv_matrix", "has 12 numbers, for a model of three colours");
  }
  const bool is_valid =
      std::all_of(matrix.begin(), matrix.end(), [](float value) { return std::abs(value) <= 524288; });
  return is_valid ? absl::OkStatus() : Invalid(path + ".yuv_matrix", "has a number that is not within 524288");
}

absl::Status CheckPicture(const v1::InputConfiguration& input, const std::string& path) {
  const bool is_nhwc = input.model_layout() == v1::LAYOUT_NHWC;
  const bool has_rank = input.model_shape_size() == 4 && (is_nhwc || input.model_layout() == v1::LAYOUT_NCHW);
  const int64_t channels = has_rank ? input.model_shape(is_nhwc ? 3 : 1) : 0;
  if ((channels != 1 && channels != 3) || input.model_element_type() != onnx::TensorProto::FLOAT) {
    return Invalid(path + ".model_layout", "the input is no picture of that layout (float32, rank 4, 1 or 3 channels)");
  }
  if (input.layout() != v1::LAYOUT_NHWC && input.layout() != v1::LAYOUT_NCHW) {
    return Invalid(path + ".layout", "of a picture is LAYOUT_NHWC or LAYOUT_NCHW");
  }
  const v1::ColorSpace model = input.model_color_space();
  const bool fits =
      channels == 1 ? model == v1::COLOR_SPACE_GRAY : (model == v1::COLOR_SPACE_RGB || model == v1::COLOR_SPACE_BGR);
  if (!fits) return Invalid(path + ".model_color_space", absl::StrCat("is none of a model of ", channels, " channels"));
  if (!IsColor(input.color_space())) return Invalid(path + ".color_space", "is missing");
  return IsYuv(input.color_space()) ? CheckYuv(input, path) : absl::OkStatus();
}

absl::Status CheckInput(const v1::InputConfiguration& input) {
  const std::string path = absl::StrCat("inputs[\"", input.name(), "\"]");
  const bool is_float = input.model_element_type() == onnx::TensorProto::FLOAT;
  const bool is_native = input.element_type() == v1::ELEMENT_TYPE_NATIVE;
  if (input.element_type() == v1::ELEMENT_TYPE_UNSPECIFIED || !v1::ElementType_IsValid(input.element_type()) ||
      is_native == is_float) {
    return Invalid(path + ".element_type", "of an input that is not float32, and of no other, is ELEMENT_TYPE_NATIVE");
  }
  if (input.sample_format() != v1::SAMPLE_FORMAT_DEPLOYED && input.sample_format() != v1::SAMPLE_FORMAT_MODEL) {
    return Invalid(path + ".sample_format", "is SAMPLE_FORMAT_DEPLOYED or SAMPLE_FORMAT_MODEL");
  }
  const bool is_picture = input.model_layout() != v1::LAYOUT_NATIVE;
  RETURN_IF_ERROR(is_picture ? CheckPicture(input, path) : CheckNoPicture(input, path));
  if (!is_float && (!input.preprocessing().empty() || input.sample_format() == v1::SAMPLE_FORMAT_MODEL)) {
    return Invalid(path, "is not float32: the artifact takes it unchanged");
  }
  if (!input.sample_preprocessing().empty() && (!is_picture || input.sample_format() != v1::SAMPLE_FORMAT_MODEL)) {
    return Invalid(path + ".sample_preprocessing", "is for photos of SAMPLE_FORMAT_MODEL");
  }
  const int64_t channels = is_picture ? ModelPicture(input).channels : 1;
  RETURN_IF_ERROR(CheckSteps(input.preprocessing(), channels, path + ".preprocessing"));
  return CheckSteps(input.sample_preprocessing(), channels, path + ".sample_preprocessing");
}

absl::Status CheckOutput(const v1::OutputConfiguration& output) {
  const std::string path = absl::StrCat("outputs[\"", output.name(), "\"]");
  std::set<int64_t> seen;
  for (const int64_t dimension : output.permutation()) {
    if (dimension < 0 || dimension >= output.permutation_size() || !seen.insert(dimension).second) {
      return Invalid(path + ".permutation",
                     absl::StrCat("is no order of the dimensions 0 to ", output.permutation_size() - 1));
    }
  }
  switch (output.element_type()) {
    case v1::ELEMENT_TYPE_UNSPECIFIED:
    case v1::ELEMENT_TYPE_FLOAT32:
    case v1::ELEMENT_TYPE_UINT8:
    case v1::ELEMENT_TYPE_INT8:
    case v1::ELEMENT_TYPE_UINT16:
    case v1::ELEMENT_TYPE_INT16:
      break;
    default:
      return Invalid(path + ".element_type", "is none an output can have; use FLOAT32, UINT8, INT8, UINT16 or INT16");
  }
  const double value = output.quantization_value();
  if (!(value >= 0 && value <= 1e9)) return Invalid(path + ".quantization_value", "is not from 0 to 1e9");
  if (!v1::Layout_IsValid(output.layout())) return Invalid(path + ".layout", "is none");
  return CheckSteps(output.postprocessing(), /*channels=*/1, path + ".postprocessing");
}

absl::Status CheckBatch(const v1::Batch& batch) {
  const auto& sizes = batch.sizes();
  const bool is_valid =
      std::all_of(sizes.begin(), sizes.end(), [](int32_t size) { return size >= 1 && size <= kLargestBatch; });
  if (!is_valid) return Invalid("batch.sizes", absl::StrCat("has one that is not from 1 to ", kLargestBatch));
  if (sizes.size() > 1 && !batch.is_dynamic()) return Invalid("batch.is_dynamic", "several sizes need it");
  return absl::OkStatus();
}

absl::Status CheckEdits(const v1::ModelEdits& edits) {
  for (const v1::ModelEdits::Constant& constant : edits.constants()) {
    const std::string path = absl::StrCat("edits.constants[\"", constant.name(), "\"]");
    if (constant.name().empty() || constant.values().empty()) return Invalid(path, "needs a name and values");
    if (constant.values_size() > kMaxConstantValues) {
      return Invalid(path, absl::StrCat("has more than ", kMaxConstantValues, " values"));
    }
    const bool is_finite = std::all_of(constant.values().begin(), constant.values().end(),
                                       [](double value) { return std::isfinite(value); });
    if (!is_finite) return Invalid(path, "has a value that is not finite");
  }
  for (const v1::ModelEdits::Attribute& attribute : edits.attributes()) {
    if (attribute.node().empty() || attribute.name().empty()) {
      return Invalid("edits.attributes", "each needs a node and a name");
    }
  }
  return absl::OkStatus();
}

absl::Status CheckCalibration(const v1::Calibration& calibration) {
  if (calibration.max_samples() < 0) return Invalid("calibration.max_samples", "is negative; 0 is all");
  if (!v1::RangeMethod_IsValid(calibration.range_method())) return Invalid("calibration.range_method", "is none");
  if (!v1::WeightGranularity_IsValid(calibration.weight_granularity())) {
    return Invalid("calibration.weight_granularity", "is none");
  }
  if (!v1::ImageFit_IsValid(calibration.image_fit())) return Invalid("calibration.image_fit", "is none");
  const double percentile = calibration.percentile();
  if (percentile > 50 && percentile <= 100) return absl::OkStatus();
  return Invalid("calibration.percentile", "is not above 50 and at most 100");
}

}  // namespace

absl::Status CheckDeployment(const v1::BuildConfiguration& configuration) {
  for (const v1::InputConfiguration& input : configuration.inputs()) RETURN_IF_ERROR(CheckInput(input));
  for (const v1::OutputConfiguration& output : configuration.outputs()) RETURN_IF_ERROR(CheckOutput(output));
  RETURN_IF_ERROR(CheckBatch(configuration.batch()));
  RETURN_IF_ERROR(CheckEdits(configuration.edits()));
  return CheckCalibration(configuration.calibration());
}

}  // namespace joinery::compiler
