#include "compiler/evaluation/compare_models.h"

#include <algorithm>

#include "absl/strings/str_cat.h"
#include "base/status.h"

namespace joinery::compiler {

absl::Status ModelComparison::Add(absl::Span<const Tensor> feed) {
  ASSIGN_OR_RETURN(const std::vector<Tensor> expected, RunToTensors(reference_, feed));
  ASSIGN_OR_RETURN(const std::vector<Tensor> actual, RunToTensors(quantized_, feed));
  for (size_t i = 0; i < expected.size() && i < actual.size(); ++i) {
    if (expected[i].element_type != onnx::TensorProto::FLOAT) continue;
    if (expected[i].shape != actual[i].shape || actual[i].element_type != onnx::TensorProto::FLOAT) {
      return absl::InternalError(absl::StrCat("output \"", reference_.outputs()[i].name,
                                              "\" differs in shape or type between the two models"));
    }
    outputs_[i].Add(expected[i].values<float>(), actual[i].values<float>());
  }
  return absl::OkStatus();
}

v1::Precision ModelComparison::ToProto() const {
  v1::Precision precision;
  for (size_t i = 0; i < outputs_.size(); ++i) {
    if (outputs_[i].samples() == 0) continue;
    precision.set_samples(std::max(precision.samples(), static_cast<int32_t>(outputs_[i].samples())));
    *precision.add_outputs() = outputs_[i].ToProto(reference_.outputs()[i].name);
  }
  return precision;
}

}  // namespace joinery::compiler
