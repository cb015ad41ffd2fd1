#include "compiler/model_inputs.h"

namespace joinery::compiler {

std::vector<ModelInput> ModelInputsOf(Graph& graph) {
  std::vector<ModelInput> inputs;
  for (const onnx::ValueInfoProto* input : graph.Inputs()) {
    inputs.push_back({input->name(), graph.ElementType(input->name()), *graph.Shape(input->name())});
  }
  return inputs;
}

}  // namespace joinery::compiler
