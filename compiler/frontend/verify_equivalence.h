// Whether a simplified model still computes what the original does.
#pragma once

#include <memory>
#include <string>
#include <vector>

#include "absl/status/status.h"
#include "absl/status/statusor.h"
#include "absl/types/span.h"
#include "compiler/execution/executor.h"
#include "onnx/onnx_pb.h"

namespace joinery::compiler {

// A tensor that two models compute differently.
struct Disagreement {
  std::string tensor;
  // The node that makes it in the original.
  std::string producer;
  // How they differ, in words.
  std::string difference;
};

// Both models, loaded once, for any number of feeds. The models must outlive this. Not thread-safe.
class EquivalenceChecker {
 public:
  // `threads` are those that one run uses. Errors: kInvalidArgument if ONNX Runtime does not take one of the models;
  // kInternal if inputs or outputs are not the same.
  static absl::StatusOr<EquivalenceChecker> Create(const onnx::ModelProto& original, const onnx::ModelProto& simplified,
                                                   int threads);

  // The inputs, in the order that a feed has.
  const std::vector<TensorSpec>& inputs() const { return simplified_->inputs(); }

  // Runs both models and compares all outputs of the graph. Floats agree if nowhere further apart than a thousandth of
  // the root mean square of the original's tensor, or if the original's is NaN; everything else must be equal.
  // Errors: kInternal that names the first tensor, in the order of the original, that disagrees, the node that makes it
  // and by how much; those of running.
  absl::Status Check(absl::Span<const Tensor> feed);

 private:
  EquivalenceChecker(const onnx::ModelProto& original, const onnx::ModelProto& simplified, int threads)
      : original_model_(&original), simplified_model_(&simplified), threads_(threads) {}

  absl::StatusOr<std::vector<Disagreement>> Compare(Executor& original, Executor& simplified,
                                                    absl::Span<const Tensor> feed) const;
  absl::StatusOr<std::vector<Disagreement>> CompareEverything(absl::Span<const Tensor> feed) const;

  const onnx::ModelProto* original_model_;
  const onnx::ModelProto* simplified_model_;
  int threads_;
  std::unique_ptr<Executor> original_;
  std::unique_ptr<Executor> simplified_;
};

// Checks all `feeds` with models that are loaded for this.
absl::Status VerifyEquivalence(const onnx::ModelProto& original, const onnx::ModelProto& simplified,
                               absl::Span<const std::vector<Tensor>> feeds);

}  // namespace joinery::compiler
