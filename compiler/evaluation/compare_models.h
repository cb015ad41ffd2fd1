// Runs a float model and what was made of it on the same samples and compares their outputs.
#pragma once

#include <vector>

#include "absl/status/status.h"
#include "absl/types/span.h"
#include "compiler/evaluation/compare.h"
#include "compiler/execution/executor.h"
#include "joinery/v1/manifest.pb.h"

namespace joinery::compiler {

// Compares all float32 outputs. Both models must have the same outputs and take the same feed, and must outlive the
// comparison. Not thread-safe.
class ModelComparison {
 public:
  ModelComparison(Executor& reference, Executor& quantized)
      : reference_(reference), quantized_(quantized), outputs_(reference.outputs().size()) {}

  // Errors: those of running either; kInternal if an output has another shape in one than in the other.
  absl::Status Add(absl::Span<const Tensor> feed);

  // By output.
  const std::vector<Comparison>& outputs() const { return outputs_; }

  v1::Precision ToProto() const;

 private:
  Executor& reference_;
  Executor& quantized_;
  std::vector<Comparison> outputs_;
};

}  // namespace joinery::compiler
