// New values for weights, without changing them for others who read them.
#pragma once

#include <cstdint>
#include <optional>
#include <string>
#include <unordered_map>
#include <utility>
#include <vector>

#include "absl/types/span.h"
#include "compiler/frontend/unique_names.h"
#include "compiler/ir/graph.h"
#include "compiler/ir/tensor_proto.h"

namespace joinery::compiler {

// Collects edits; the graph shows them after Apply only, and must not be edited otherwise before.
class WeightEditor {
 public:
  explicit WeightEditor(Graph& graph) : graph_(graph) {}

  // Gives the node new values for the float constant that is its `index`th input (which may be missing so far). The
  // constant keeps its name if nobody else reads it, otherwise a new one with a name like `wish` is made. At most once
  // for each input of each node.
  void Replace(onnx::NodeProto* node, int index, std::vector<int64_t> shape, absl::Span<const float> values,
               const std::string& wish);

  // The same for a constant that is new. Returns its name.
  std::string Add(std::vector<int64_t> shape, absl::Span<const float> values, const std::string& wish);

  UniqueNames& names();

  void Apply();

 private:
  struct Input {
    onnx::NodeProto* node;
    int index;
    std::string tensor;
  };

  bool IsReadOnlyBy(const onnx::NodeProto* node, const std::string& tensor);

  Graph& graph_;
  std::optional<UniqueNames> names_;  // Empty until asked for: most passes find nothing to do.
  std::unordered_map<std::string, onnx::TensorProto> replaced_;
  std::vector<onnx::TensorProto> added_;
  std::vector<Input> inputs_;
};

}  // namespace joinery::compiler
