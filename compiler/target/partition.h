// Which nodes of a network run on the NPU and which on the CPU: the cheapest way, in few parts.
#pragma once

#include <string>
#include <vector>

#include "absl/types/span.h"
#include "compiler/ir/graph.h"
#include "onnx/onnx_pb.h"

namespace joinery::compiler {

// What running a node costs.
struct NodeCosts {
  // False: it runs on the CPU, whatever that costs. Every node runs on the CPU.
  bool may_run_on_npu = false;
  // It is to be on the NPU if only it may, whatever that costs.
  bool is_wanted_on_npu = false;
  double npu_seconds = 0;
  double cpu_seconds = 0;
};

// What going from one device to the other costs.
struct HandOverCosts {
  // To start a part, whatever it holds.
  double seconds_per_npu_part = 0;
  double seconds_per_cpu_part = 0;
  // For each tensor that is handed over, and for each byte of it.
  double seconds_per_tensor = 0;
  double seconds_per_byte = 0;
};

enum class PartDevice { kNpu, kCpu };

// Nodes that run together, in the graph's order.
struct DevicePart {
  // "npu:0", "cpu:0", "npu:1", ...
  std::string name;
  PartDevice device = PartDevice::kCpu;
  std::vector<const onnx::NodeProto*> nodes;
};

struct Partition {
  // In the order in which they run: a part reads what parts before it made, and nothing of later ones. Devices
  // alternate. No part is empty.
  std::vector<DevicePart> parts;
  // The estimate that was made as small as possible, hand-overs included.
  double seconds = 0;
};

// A partition has at most so many parts on the NPU.
inline constexpr int kMostNpuParts = 8;

// Divides `graph`, whose nodes are in topological order, by the least sum of
//   - every node's time on its device,
//   - what it takes to start each part,
//   - every hand-over: a tensor is handed over at each boundary between its maker's part and the last that reads it.
//     Inputs come from the CPU and outputs go there.
// For every number of NPU parts up to kMostNpuParts, and up to those that let every node be where it costs less, this
// is a minimal cut (the stages of a node are the labels of Ishikawa 2003, "Exact Optimization for Markov Random Fields
// with Convex Priors"), so the result is the optimum, not an approximation. A node that costs the same on both goes to
// the NPU; of several equal divisions the one with the fewest parts, and of those the one that leaves the NPU last, is
// taken. Deterministic.
//
//   costs           one for each node, in the graph's order
//   wants_npu       what it takes to start the first part on the NPU does not count: it is there to be used
//   worth_of_parts  the fewest parts are taken that cost at most this share more than the optimum: estimates are not
//                   exact enough to be worth a part
Partition PartitionGraph(Graph& graph, absl::Span<const NodeCosts> costs, const HandOverCosts& hand_over,
                         bool wants_npu = false, double worth_of_parts = 0);

}  // namespace joinery::compiler
