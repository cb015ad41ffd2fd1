// Where each node of a network runs on the configured chip: what the NPU can do and 8 bits do not spoil, there; the
// rest on the CPU, which computes it in float.
#pragma once

#include <string>
#include <unordered_map>
#include <vector>

#include "absl/status/status.h"
#include "absl/status/statusor.h"
#include "absl/types/span.h"
#include "compiler/ir/graph.h"
#include "compiler/quantization/plan.h"
#include "compiler/target/fit_to_target.h"
#include "compiler/target/partition.h"
#include "joinery/v1/build_configuration.pb.h"
#include "joinery/v1/target.pb.h"
#include "onnx/onnx_pb.h"

namespace joinery::compiler {

struct NetworkPart {
  std::string name;
  PartDevice device = PartDevice::kCpu;
  // Estimated, of its nodes.
  double seconds = 0;
};

struct NetworkPartition {
  // In the order in which they run. Empty: there is no chip, and nothing is divided.
  std::vector<NetworkPart> parts;
  // Nodes of CPU parts, and why they are there.
  CpuNodes on_cpu;
  // The place in `parts` of each node, by MadeBy.
  std::unordered_map<std::string, size_t> part_of;

  // Whether both divide alike, for the same reasons: what is quantized is the same then.
  bool IsLike(const NetworkPartition& other) const { return part_of == other.part_of && on_cpu == other.on_cpu; }
};

// Knows a chip and a mode of its NPU. Thread-safe.
class NetworkPartitioner {
 public:
  // For a chip that is described, and one of its modes. Nothing is cut by hand.
  NetworkPartitioner(const v1::TargetDescription& description, v1::NpuMode mode);

  // `notes` gets a sentence if a chip that the vendor's tool knows, or the mode, is not described, and another stands
  // for it. Errors: those of the descriptions; kInvalidArgument for other chips.
  static absl::StatusOr<NetworkPartitioner> Create(const v1::Target& target, std::vector<std::string>& notes);

  // FitToTarget: rewrites what the NPU does not list into what it does. To be done before dividing.
  absl::StatusOr<std::vector<Fitted>> Fit(Graph& graph, absl::Span<const onnx::NodeProto* const> left_out) const;

  // Divides the network, whose types and shapes are inferred. A node belongs on the CPU
  //   - that the NPU cannot run,
  //   - that stays float and no layer reads what comes of it: 8 bits would spoil the network's results,
  //   - whose operator the chip's description calls one of the CPU's tail, likewise,
  //   - that is left float by configuration and that the NPU computes in 8 bits only,
  //   - behind a cut of the configuration,
  //   - or that would cost more in hand-overs on the NPU than it saves there; not a layer that needs nothing of the
  //   CPU.
  // `left_out` is the preprocessing, which runs where what reads it does.
  // Errors: kInvalidArgument if a configured cut is no tensor that the network computes.
  absl::StatusOr<NetworkPartition> Divide(Graph& graph, absl::Span<const onnx::NodeProto* const> left_out,
                                          const BitsOfNode& bits_of) const;

  // False where there is no NPU to divide for: Divide then gives no parts.
  bool has_npu() const { return !description_.name().empty(); }

 private:
  NetworkPartitioner() = default;

  v1::Target target_;
  // Empty where there is no NPU.
  v1::TargetDescription description_;
  v1::NpuMode mode_;
};

// What it takes to start the CPU's parts and to hand tensors over between parts, besides what starting the network
// takes, in microseconds. `graph` is labelled; what is quantized is handed over as it is. Assumed: see
// docs/partition.md.
double EstimateHandOverUs(Graph& graph, const v1::TargetDescription& target);

// Notes on each node which part it is in; none where nothing is divided.
void LabelParts(const NetworkPartition& partition, Graph& graph);

// Does the same for the nodes that quantization added. QuantizeLinear is on the NPU; so is DequantizeLinear, so that
// the CPU takes and gives float tensors. Where several parts on the NPU read a quantized tensor each gets a
// DequantizeLinear of its own, and what they hand over is 8-bit. Behind what a CPU part hands to the NPU comes a Max
// that changes nothing but keeps runtimes from computing the part in 8 bits. Without parts nothing is done.
// Errors: those of sorting the graph.
absl::Status LabelConversions(const NetworkPartition& partition, Graph& graph);

}  // namespace joinery::compiler
