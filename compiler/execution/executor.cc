#include "compiler/execution/executor.h"

#include "base/status.h"

namespace joinery::compiler {

absl::StatusOr<std::vector<Tensor>> RunToTensors(Executor& executor, absl::Span<const Tensor> feed) {
  std::vector<Tensor> outputs(executor.outputs().size());
  RETURN_IF_ERROR(executor.Run(feed, [&](size_t output, const TensorView& view) {
    outputs[output].element_type = view.element_type;
    outputs[output].shape.assign(view.shape.begin(), view.shape.end());
    outputs[output].bytes.assign(view.bytes.begin(), view.bytes.end());
  }));
  return outputs;
}

}  // namespace joinery::compiler
