#include "compiler/configuration/preprocessing_steps.h"

namespace joinery::compiler {
namespace {

Affine AsAffine(const v1::PreprocessingStep& step, size_t channel) {
  if (step.has_affine()) {
    return {StepValue(step.affine().scale(), channel, 1), StepValue(step.affine().bias(), channel, 0)};
  }
  const double scale = 1 / StepValue(step.normalization().std(), channel, 1);
  return {scale, -StepValue(step.normalization().mean(), channel, 0) * scale};
}

}  // namespace

double StepValue(const google::protobuf::RepeatedField<float>& values, size_t channel, double otherwise) {
  if (values.empty()) return otherwise;
  return values.Get(values.size() == 1 ? 0 : static_cast<int>(channel));
}

Affine CombineSteps(const google::protobuf::RepeatedPtrField<v1::PreprocessingStep>& steps, size_t channel) {
  Affine combined;
  for (const v1::PreprocessingStep& step : steps) {
    const Affine next = AsAffine(step, channel);
    combined = {combined.scale * next.scale, combined.bias * next.scale + next.bias};
  }
  return combined;
}

}  // namespace joinery::compiler
