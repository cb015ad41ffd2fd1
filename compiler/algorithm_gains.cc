#include "compiler/algorithm_gains.h"

#include <algorithm>
#include <memory>

#include "base/status.h"
#include "compiler/evaluation/compare.h"
#include "compiler/execution/executor.h"

namespace joinery::compiler {
namespace {

bool AreComparable(const Tensor& expected, const Tensor& actual) {
  return expected.element_type == onnx::TensorProto::FLOAT && actual.element_type == onnx::TensorProto::FLOAT &&
         expected.shape == actual.shape;
}

}  // namespace

absl::StatusOr<AlgorithmGains> AlgorithmGains::Create(const onnx::ModelProto& model,
                                                      std::vector<std::vector<Tensor>> samples,
                                                      const ExecutorOptions& execution) {
  AlgorithmGains gains(std::move(samples), execution);
  ASSIGN_OR_RETURN(const std::unique_ptr<Executor> executor, LoadOnnxRuntime(model, execution));
  for (const std::vector<Tensor>& sample : gains.samples_) {
    ASSIGN_OR_RETURN(gains.expected_.emplace_back(), RunToTensors(*executor, sample));
  }
  return gains;
}

absl::Status AlgorithmGains::Add(const std::string& algorithm, const Quantizable& network) {
  ASSIGN_OR_RETURN(const Quantized quantized, QuantizeAs(network, {}));
  ASSIGN_OR_RETURN(const std::unique_ptr<Executor> executor, LoadOnnxRuntime(quantized.graph->model(), execution_));
  std::vector<Comparison> outputs(executor->outputs().size());
  for (size_t sample = 0; sample < samples_.size(); ++sample) {
    ASSIGN_OR_RETURN(const std::vector<Tensor> actual, RunToTensors(*executor, samples_[sample]));
    for (size_t i = 0; i < actual.size(); ++i) {
      const Tensor& expected = expected_[sample][i];
      if (AreComparable(expected, actual[i])) outputs[i].Add(expected.values<float>(), actual[i].values<float>());
    }
  }
  double sqnr_db = Comparison().sqnr_db();
  for (const Comparison& output : outputs) sqnr_db = std::min(sqnr_db, output.sqnr_db());
  const std::optional<double> before = std::exchange(before_, sqnr_db);
  if (!before.has_value()) return absl::OkStatus();
  v1::AlgorithmGain& gain = gains_.emplace_back();
  gain.set_name(algorithm);
  gain.set_metric("sqnr_db");
  gain.set_before(static_cast<float>(*before));
  gain.set_after(static_cast<float>(sqnr_db));
  return absl::OkStatus();
}

}  // namespace joinery::compiler
