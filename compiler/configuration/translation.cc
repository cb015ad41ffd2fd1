#include "compiler/configuration/translation.h"

#include <onnx/onnx_pb.h>

#include <cstddef>

namespace joinery::compiler {

bool CanBePicture(const ModelInput& input, v1::Layout layout) {
  if (input.element_type != onnx::TensorProto::FLOAT || input.shape.size() != 4) return false;
  const int64_t channels = input.shape[layout == v1::LAYOUT_NCHW ? 1 : 3];
  return channels == 1 || channels == 3;
}

std::vector<std::string> InputNames(const std::vector<ModelInput>& inputs) {
  std::vector<std::string> names;
  names.reserve(inputs.size());
  for (const ModelInput& input : inputs) names.push_back(input.name);
  return names;
}

}  // namespace joinery::compiler
