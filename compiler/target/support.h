// Where one node of a network can run on a chip, and why.
#pragma once

#include <string>

#include "compiler/ir/graph.h"
#include "joinery/v1/target.pb.h"
#include "onnx/onnx_pb.h"

namespace joinery::compiler {

struct Support {
  enum class Placement {
    kNpu,
    kCpu,
    // Nowhere on this target.
    kImpossible,
  };
  Placement placement = Placement::kNpu;
  // Why not on the NPU, in words that name the attribute, input or shape. Empty with kNpu.
  std::string reason;
  // What to change in the model, in a sentence; empty if nothing helps.
  std::string change;
  // Runs on the NPU, but not as fast as its operations suggest.
  bool slow = false;
  std::string slow_reason;
};

// Where `node` of `graph` can run on `target`. The graph is one that ImportModel and Simplify made: shapes are known.
// On a target without an NPU everything is on the CPU. A shape that is not known fits every limit of shapes except that
// it must be constant.
Support CheckNode(Graph& graph, const onnx::NodeProto& node, const v1::TargetDescription& target);

}  // namespace joinery::compiler
