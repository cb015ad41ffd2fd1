// The constraints of an operator's rule, one kind a function.
#pragma once

#include <string>
#include <vector>

#include "compiler/ir/graph.h"
#include "joinery/v1/target.pb.h"
#include "onnx/onnx_pb.h"

namespace joinery::compiler {

// What a node has that the rule does not allow.
struct Violation {
  std::string reason;
  std::string change;
};

// Whether the limit allows the node; fills in `violation` (which may be null) if not.
bool FitsAttribute(const Graph& graph, const onnx::NodeProto& node, const v1::AttributeLimit& limit,
                   int64_t rank_of_input, Violation* violation);

void CheckAttributes(Graph& graph, const onnx::NodeProto& node, const v1::OperatorRule& rule,
                     std::vector<Violation>& violations);
void CheckShapes(Graph& graph, const onnx::NodeProto& node, const v1::OperatorRule& rule,
                 std::vector<Violation>& violations);
void CheckWindow(Graph& graph, const onnx::NodeProto& node, const v1::OperatorRule& rule,
                 std::vector<Violation>& violations);

// The rank of the node's first input; -1 if it is not known.
int64_t InputRank(Graph& graph, const onnx::NodeProto& node);

// The reason of the first slow form that the node has, or "".
std::string SlowReason(Graph& graph, const onnx::NodeProto& node, const v1::OperatorRule& rule);

}  // namespace joinery::compiler
