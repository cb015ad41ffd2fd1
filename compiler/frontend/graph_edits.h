// Edits that are collected while a pass looks at a graph and made all at once: each edit of a Graph costs a walk
// through it, and a pass may make thousands.
#pragma once

#include <string>
#include <unordered_map>
#include <unordered_set>
#include <vector>

#include "compiler/ir/graph.h"

namespace joinery::compiler {

class GraphEdits {
 public:
  // The node goes; whoever reads its outputs must be made to read something else.
  void Remove(const onnx::NodeProto* node) { removed_.insert(node); }
  bool IsRemoved(const onnx::NodeProto* node) const { return removed_.contains(node); }

  // All that read `from`, nested graphs included, shall read `to`; the same holds for tensors replaced by `from`
  // before.
  void ReplaceUses(const std::string& from, const std::string& to) { replaced_[from] = to; }
  // What the reader of `tensor` will read.
  std::string Resolve(const std::string& tensor);

  // The node shall write `tensor` as its `index`th output.
  void SetOutput(onnx::NodeProto* node, int index, const std::string& tensor) {
    outputs_.push_back({node, index, tensor});
  }
  void AddInitializer(onnx::TensorProto tensor) { added_.push_back(std::move(tensor)); }

  void Apply(Graph& graph);

 private:
  struct Output {
    onnx::NodeProto* node;
    int index;
    std::string tensor;
  };

  void Rename(onnx::GraphProto* graph, bool is_main);

  std::unordered_set<const onnx::NodeProto*> removed_;
  std::unordered_map<std::string, std::string> replaced_;
  std::vector<Output> outputs_;
  std::vector<onnx::TensorProto> added_;
};

}  // namespace joinery::compiler
