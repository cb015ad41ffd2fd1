// Nodes added one after the other behind a tensor.
#pragma once

#include <string>
#include <vector>

#include "compiler/ir/graph.h"
#include "compiler/ir/tensor.h"

namespace joinery::compiler {

// Names of nodes and tensors begin with the name of the tensor the chain is for. The graph must outlive the chain, and
// is to be sorted afterwards. Not thread-safe.
class NodeChain {
 public:
  // `for_tensor`: what names begin with, as "input" of "input_preprocessing_Cast"; `purpose`: "preprocessing".
  NodeChain(Graph& graph, std::string for_tensor, std::string purpose, std::vector<const onnx::NodeProto*>& added)
      : graph_(graph),
        added_(added),
        for_tensor_(std::move(for_tensor)),
        purpose_(std::move(purpose)),
        end_(for_tensor_) {}

  // A node that reads the end of the chain and then `operands`; its output becomes the end.
  onnx::NodeProto* Append(const std::string& op_type, const std::vector<std::string>& operands = {});
  // The same with a constant as the second operand.
  onnx::NodeProto* AppendWithConstant(const std::string& op_type, const Tensor& constant);
  // A node that reads `inputs`, wherever the chain ends.
  onnx::NodeProto* Join(const std::string& op_type, const std::vector<std::string>& inputs);

  // Adds a constant and returns its name, which ends in `role`.
  std::string AddConstant(const std::string& role, const Tensor& constant);

  // What the next node reads.
  const std::string& end() const { return end_; }
  void ContinueFrom(const std::string& tensor) { end_ = tensor; }

  // Calls the end of the chain `name`.
  void Finish(const std::string& name);

 private:
  Graph& graph_;
  std::vector<const onnx::NodeProto*>& added_;
  const std::string for_tensor_;
  const std::string purpose_;
  std::string end_;
  onnx::NodeProto* last_ = nullptr;
};

// A one-dimensional constant, as shapes and axes are given.
Tensor Int64Constant(const std::vector<int64_t>& values);

}  // namespace joinery::compiler
