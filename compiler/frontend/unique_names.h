// Names that nothing in a model has yet.
#pragma once

#include <string>
#include <unordered_set>

#include "onnx/onnx_pb.h"

namespace joinery::compiler {

// As Graph::UniqueTensorName and UniqueNodeName, for a model that is not in a Graph yet. Names that the model gets
// otherwise after construction are not known.
class UniqueNames {
 public:
  explicit UniqueNames(const onnx::ModelProto& model);

  // `wish`, or `wish` with a number; not given again.
  std::string Tensor(const std::string& wish) { return Take(wish, tensors_); }
  std::string Node(const std::string& wish) { return Take(wish, nodes_); }

 private:
  void Collect(const onnx::GraphProto& graph);
  static std::string Take(const std::string& wish, std::unordered_set<std::string>& taken);

  std::unordered_set<std::string> tensors_;
  std::unordered_set<std::string> nodes_;
};

}  // namespace joinery::compiler
