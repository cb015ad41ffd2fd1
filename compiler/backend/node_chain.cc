#include "compiler/backend/node_chain.h"

#include "absl/strings/str_cat.h"
#include "compiler/ir/tensor_proto.h"

namespace joinery::compiler {

onnx::NodeProto* NodeChain::Append(const std::string& op_type, const std::vector<std::string>& operands) {
  std::vector<std::string> inputs{end_};
  inputs.insert(inputs.end(), operands.begin(), operands.end());
  return Join(op_type, inputs);
}

onnx::NodeProto* NodeChain::AppendWithConstant(const std::string& op_type, const Tensor& constant) {
  return Append(op_type, {AddConstant(op_type + "_operand", constant)});
}

onnx::NodeProto* NodeChain::Join(const std::string& op_type, const std::vector<std::string>& inputs) {
  const std::string name = absl::StrCat(for_tensor_, "_", purpose_, "_", op_type);
  end_ = graph_.UniqueTensorName(name);
  last_ = graph_.AddNode(op_type, graph_.UniqueNodeName(name), inputs, {end_});
  added_.push_back(last_);
  return last_;
}

std::string NodeChain::AddConstant(const std::string& role, const Tensor& constant) {
  std::string name = graph_.UniqueTensorName(absl::StrCat(for_tensor_, "_", purpose_, "_", role));
  graph_.AddInitializer(ToProto(constant, name));
  return name;
}

void NodeChain::Finish(const std::string& name) { graph_.SetOutput(last_, 0, name); }

Tensor Int64Constant(const std::vector<int64_t>& values) {
  return MakeTensor<int64_t>(onnx::TensorProto::INT64, {static_cast<int64_t>(values.size())}, values);
}

}  // namespace joinery::compiler
