// Models as text, and back.
#pragma once

#include <gtest/gtest.h>

#include <string>

#include "compiler/ir/tensor_proto.h"
#include "onnx/defs/parser.h"
#include "onnx/defs/printer.h"
#include "onnx/onnx_pb.h"

namespace joinery::compiler {

// "<ir_version: 10, opset_import: ["" : OPSET]>" and `graph`.
inline onnx::ModelProto ParseOnnxText(const std::string& graph, int opset = 13) {
  const std::string text = "<ir_version: 10, opset_import: [\"\" : " + std::to_string(opset) + "]>\n" + graph;
  onnx::ModelProto model;
  onnx::OnnxParser parser(text.c_str());
  const auto status = parser.Parse(model);
  EXPECT_TRUE(status.IsOK()) << status.ErrorMessage() << "\n" << text;
  return model;
}

// Leaves out what shape inference adds, and names that say nothing.
inline void DropInferredTypes(onnx::GraphProto* graph) {
  graph->clear_value_info();
  for (onnx::ValueInfoProto& output : *graph->mutable_output()) {
    output.mutable_type()->mutable_tensor_type()->clear_shape();
  }
  for (onnx::NodeProto& node : *graph->mutable_node()) {
    if (node.name().empty()) node.clear_name();
    for (onnx::AttributeProto& attribute : *node.mutable_attribute()) {
      if (attribute.has_g()) DropInferredTypes(attribute.mutable_g());
    }
  }
}

// Nodes and constants in their order; the same text for the same meaning: without inferred types, all constants stored
// alike.
inline std::string ToText(onnx::ModelProto model) {
  DropInferredTypes(model.mutable_graph());
  for (onnx::TensorProto& tensor : *model.mutable_graph()->mutable_initializer()) {
    const absl::StatusOr<Tensor> values = ToTensor(tensor);
    EXPECT_TRUE(values.ok()) << values.status();
    tensor = ToProto(*values, tensor.name());
  }
  return onnx::ProtoToString(model.graph());
}

}  // namespace joinery::compiler
