// Copies of nodes under other names of tensors: parts of several models in one.
#pragma once

#include <functional>
#include <string>

#include "absl/status/status.h"
#include "onnx/onnx_pb.h"

namespace joinery::compiler {

// `node` with every tensor that it reads or writes renamed; what graphs nested in it read from outside, too. Empty
// names (inputs left out) stay. The copy has no name: names of nodes need not be unique then.
onnx::NodeProto CopyNode(const onnx::NodeProto& node, const std::function<std::string(const std::string&)>& rename);

// A beginning that no name of a tensor in the graph has, nested graphs not counted: `wish`, or `wish` with underscores.
std::string UniquePrefix(const onnx::GraphProto& graph, std::string wish);

// Raises the model with the older version of ONNX's own operator set to that of the other, and gives `a` the other
// operator sets and functions that only `b` has. Errors: those of RaiseOpset; kInvalidArgument if they use different
// versions of another operator set.
absl::Status UnifyOpsets(onnx::ModelProto& a, onnx::ModelProto& b);

}  // namespace joinery::compiler
