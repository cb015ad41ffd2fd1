#include "compiler/configuration/deployment.h"

#include "absl/strings/str_cat.h"
#include "compiler/configuration/deployed_input.h"
#include "compiler/configuration/enum_names.h"

namespace joinery::compiler {
namespace {

// Lists that were left out do nothing.
void CompleteSteps(google::protobuf::RepeatedPtrField<v1::PreprocessingStep>& steps) {
  for (v1::PreprocessingStep& step : steps) {
    if (step.has_affine()) {
      if (step.affine().scale().empty()) step.mutable_affine()->add_scale(1);
      if (step.affine().bias().empty()) step.mutable_affine()->add_bias(0);
    }
    if (step.has_normalization()) {
      if (step.normalization().mean().empty()) step.mutable_normalization()->add_mean(0);
      if (step.normalization().std().empty()) step.mutable_normalization()->add_std(1);
    }
  }
}

// Lists are replaced rather than added to.
void MergeInput(const v1::InputConfiguration& from, v1::InputConfiguration& input) {
  const std::string name = input.name();
  const v1::InputConfiguration before = input;
  if (!from.preprocessing().empty()) input.clear_preprocessing();
  if (!from.sample_preprocessing().empty()) input.clear_sample_preprocessing();
  if (!from.yuv_matrix().empty()) input.clear_yuv_matrix();
  input.MergeFrom(from);
  input.set_name(name);
  *input.mutable_model_shape() = before.model_shape();
  input.set_model_element_type(before.model_element_type());
  CompleteSteps(*input.mutable_preprocessing());
  CompleteSteps(*input.mutable_sample_preprocessing());
  // Of another colour space, which the deployment replaces.
  if (!IsYuv(input.color_space())) input.clear_yuv_standard();
  if (input.yuv_standard() != v1::YUV_STANDARD_MATRIX) input.clear_yuv_matrix();
}

void MergeOutput(const v1::OutputConfiguration& from, v1::BuildConfiguration& configuration) {
  for (v1::OutputConfiguration& output : *configuration.mutable_outputs()) {
    if (output.name() != from.name()) continue;
    output = from;
    return CompleteSteps(*output.mutable_postprocessing());
  }
  *configuration.add_outputs() = from;
  CompleteSteps(*configuration.mutable_outputs()->rbegin()->mutable_postprocessing());
}

}  // namespace

void ApplyDeployment(const v1::Deployment& deployment, v1::BuildConfiguration& configuration) {
  if (deployment.has_target()) {
    configuration.mutable_target()->clear_cut_tensors();
    configuration.mutable_target()->MergeFrom(deployment.target());
  }
  for (const v1::InputConfiguration& from : deployment.inputs()) {
    for (v1::InputConfiguration& input : *configuration.mutable_inputs()) {
      if (from.name().empty() || from.name() == input.name()) MergeInput(from, input);
    }
  }
  for (const v1::OutputConfiguration& output : deployment.outputs()) MergeOutput(output, configuration);
  if (deployment.has_batch()) *configuration.mutable_batch() = deployment.batch();
  if (configuration.batch().sizes().empty()) configuration.clear_batch();
  if (deployment.has_edits()) *configuration.mutable_edits() = deployment.edits();
  if (configuration.edits().ByteSizeLong() == 0) configuration.clear_edits();
  if (deployment.has_calibration()) configuration.mutable_calibration()->MergeFrom(deployment.calibration());
}

absl::Status CheckYuvInput(const v1::InputConfiguration& input, absl::string_view path) {
  const std::string colors = NameOf(input.color_space());
  if (input.element_type() != v1::ELEMENT_TYPE_UINT8) {
    return absl::InvalidArgumentError(absl::StrCat(path, ": input \"", input.name(), "\" is ", colors,
                                                   ", which is bytes; set its type to uint8 (UINT8, U8)"));
  }
  const PictureSize size = ModelPicture(input);
  const bool is_planar = input.color_space() == v1::COLOR_SPACE_NV12 || input.color_space() == v1::COLOR_SPACE_NV21;
  if (size.width % 2 != 0 || (is_planar && size.height % 2 != 0)) {
    return absl::InvalidArgumentError(absl::StrCat(path, ": input \"", input.name(), "\" of ", size.width, "x",
                                                   size.height, " pixels cannot be ", colors, ", which needs an even ",
                                                   is_planar ? "width and height" : "width"));
  }
  return absl::OkStatus();
}

}  // namespace joinery::compiler
