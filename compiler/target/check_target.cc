#include "compiler/target/check_target.h"

#include <algorithm>
#include <set>
#include <tuple>
#include <unordered_map>
#include <unordered_set>
#include <utility>
#include <vector>

#include "absl/strings/str_cat.h"
#include "absl/strings/str_format.h"
#include "absl/strings/str_join.h"
#include "absl/strings/strip.h"
#include "base/status.h"
#include "compiler/backend/parts.h"
#include "compiler/ir/multiplications.h"
#include "compiler/ir/tensor.h"
#include "compiler/quantization/plan.h"
#include "compiler/target/estimate_model.h"
#include "compiler/target/fit_to_target.h"
#include "compiler/target/network_partition.h"
#include "compiler/target/node_facts.h"
#include "compiler/target/support.h"
#include "compiler/target/target.h"

namespace joinery::compiler {
namespace {

using Placement = Support::Placement;

constexpr int kNamedNodes = 3;
constexpr int kNamedTensors = 4;

v1::CheckPlacement ToProto(Placement placement) {
  switch (placement) {
    case Placement::kNpu:
      return v1::CHECK_PLACEMENT_NPU;
    case Placement::kCpu:
      return v1::CHECK_PLACEMENT_CPU;
    case Placement::kImpossible:
      return v1::CHECK_PLACEMENT_IMPOSSIBLE;
  }
  return v1::CHECK_PLACEMENT_UNSPECIFIED;
}

// What a network is for the sake of: where these are, it is not over yet.
bool HasWeights(Graph& graph, const onnx::NodeProto& node) {
  static const auto* const operators =
      new std::unordered_set<std::string>({"Conv", "ConvTranspose", "Gemm", "GRU", "LSTM", "RNN"});
  if (operators->contains(node.op_type())) return true;
  return node.op_type() == "MatMul" &&
         (ConstantInput(graph, node, 0) != nullptr || ConstantInput(graph, node, 1) != nullptr);
}

struct Placed {
  const onnx::NodeProto* node;
  Support support;
  // Behind all that runs on the NPU.
  bool is_in_tail;
};

// Where a build would put the node, and why.
Support Place(Graph& graph, const onnx::NodeProto& node, const v1::TargetDescription& target,
              const NetworkPartition& partition) {
  Support support = CheckNode(graph, node, target);
  const bool is_off_npu = support.placement == Placement::kCpu || support.placement == Placement::kImpossible;
  const auto on_cpu = partition.on_cpu.find(MadeBy(node));
  if (is_off_npu || on_cpu == partition.on_cpu.end()) return support;
  Support moved;
  moved.placement = Placement::kCpu;
  moved.reason = std::string(absl::StripPrefix(on_cpu->second, "runs on the CPU: "));
  return moved;
}

// Rows in the order in which people want to read them.
int Urgency(const v1::OperatorCheck& row) {
  switch (row.placement()) {
    case v1::CHECK_PLACEMENT_IMPOSSIBLE:
      return 0;
    case v1::CHECK_PLACEMENT_CPU:
      return row.is_in_tail() ? 2 : 1;
    case v1::CHECK_PLACEMENT_NPU_AFTER_REWRITE:
      return 3;
    default:
      return row.is_slow() ? 4 : 5;
  }
}

v1::OperatorCheck NewRow(const Placed& placed) {
  const Support& support = placed.support;
  v1::OperatorCheck row;
  row.set_op_type(placed.node->op_type());
  row.set_placement(ToProto(support.placement));
  row.set_reason(support.slow ? support.slow_reason : support.reason);
  row.set_change(support.change);
  row.set_is_slow(support.slow);
  row.set_is_in_tail(placed.is_in_tail);
  return row;
}

std::vector<v1::OperatorCheck> MakeRows(const std::vector<Placed>& nodes) {
  std::map<std::tuple<std::string, Placement, std::string, bool>, size_t> index;
  std::vector<v1::OperatorCheck> rows;
  for (const Placed& placed : nodes) {
    const Support& support = placed.support;
    const std::string& reason = support.slow ? support.slow_reason : support.reason;
    const auto [found, is_new] =
        index.try_emplace({placed.node->op_type(), support.placement, reason, placed.is_in_tail}, rows.size());
    if (is_new) rows.push_back(NewRow(placed));
    v1::OperatorCheck& row = rows[found->second];
    row.set_count(row.count() + 1);
    if (row.nodes_size() < kNamedNodes) row.add_nodes(Describe(*placed.node));
  }
  return rows;
}

// What was not for the NPU and is gone.
void AddRewritten(const std::map<std::string, OffNpu>& before, const std::map<std::string, std::string>& rewrites,
                  std::vector<v1::OperatorCheck>& rows) {
  std::map<std::string, int> left;
  for (const v1::OperatorCheck& row : rows) {
    if (row.placement() != v1::CHECK_PLACEMENT_NPU) left[row.op_type()] += row.count();
  }
  for (const auto& [op_type, off_npu] : before) {
    const auto rewrite = rewrites.find(op_type);
    const int gone = off_npu.count - left[op_type];
    if (gone <= 0 || rewrite == rewrites.end()) continue;
    v1::OperatorCheck& row = rows.emplace_back();
    row.set_op_type(op_type);
    row.set_count(gone);
    row.set_placement(v1::CHECK_PLACEMENT_NPU_AFTER_REWRITE);
    row.set_reason(off_npu.reason);
    row.set_rewrite(rewrite->second);
  }
}

// "Softmax, Exp": operators that are on the CPU, each once.
std::string OperatorsOnCpu(const v1::TargetCheck& check, bool in_tail) {
  std::set<std::string> names;
  for (const v1::OperatorCheck& row : check.operators()) {
    if (row.placement() == v1::CHECK_PLACEMENT_CPU && row.is_in_tail() == in_tail) names.insert(row.op_type());
  }
  return absl::StrJoin(names, ", ");
}

std::string ShareOfMacs(const v1::TargetCheck& check) {
  if (check.macs() == 0) return "";
  return absl::StrFormat("; %.0f %% of the multiplications are on the NPU",
                         100.0 * static_cast<double>(check.npu_macs()) / static_cast<double>(check.macs()));
}

// "a, b, c and 3 more".
std::string FirstNames(const google::protobuf::RepeatedPtrField<v1::TensorInfo>& tensors) {
  std::vector<std::string> names;
  for (int i = 0; i < std::min(tensors.size(), kNamedTensors); ++i) names.push_back(tensors[i].name());
  const int more = tensors.size() - kNamedTensors;
  return absl::StrCat(absl::StrJoin(names, ", "), more > 0 ? absl::StrCat(" and ", more, " more") : "");
}

int CountParts(const v1::TargetCheck& check, absl::string_view device) {
  return static_cast<int>(std::count_if(check.parts().begin(), check.parts().end(),
                                        [&](const v1::Part& part) { return part.device() == device; }));
}

// "in 2 NPU and 1 CPU parts".
std::string InParts(const v1::TargetCheck& check) {
  return absl::StrCat("in ", CountParts(check, "NPU"), " NPU and ", CountParts(check, "CPU"), " CPU parts");
}

// `has_weights`: some layer with weights is on the CPU.
void SetVerdict(const v1::TargetDescription& target, bool has_weights, v1::TargetCheck& check) {
  const int nodes = check.npu_nodes() + check.cpu_nodes();
  if (target.cpu_only()) {
    check.set_verdict(v1::CHECK_VERDICT_FITS);
    check.set_summary(absl::StrCat("all ", nodes, " nodes run on the CPU, as they must without an NPU"));
    return;
  }
  if (check.cpu_nodes() == 0) {
    check.set_verdict(v1::CHECK_VERDICT_FITS);
    check.set_summary(absl::StrCat("all ", nodes, " nodes run on the NPU, in one part"));
    return;
  }
  const bool is_tail = check.parts_size() == 2 && check.parts(0).device() == "NPU" && !has_weights;
  if (is_tail) {
    check.set_verdict(v1::CHECK_VERDICT_FITS_WITH_CPU_TAIL);
    check.set_summary(absl::StrCat(check.npu_nodes(), " of ", nodes, " nodes run on the NPU, ", check.cpu_nodes(),
                                   " at the end on the CPU (", OperatorsOnCpu(check, /*in_tail=*/true), "), from ",
                                   FirstNames(check.parts(1).inputs()), " on"));
    return;
  }
  check.set_verdict(v1::CHECK_VERDICT_NEEDS_CPU);
  const std::string in_midst = OperatorsOnCpu(check, /*in_tail=*/false);
  check.set_summary(absl::StrCat(check.cpu_nodes(), " of ", nodes, " nodes run on the CPU, ", InParts(check),
                                 in_midst.empty() ? "" : absl::StrCat(", in the midst of the network ", in_midst),
                                 ShareOfMacs(check)));
}

void AddParts(const NetworkPartition& partition, Graph& graph, v1::TargetCheck& check) {
  for (v1::Part& part : DescribeParts(graph)) {
    for (const NetworkPart& known : partition.parts) {
      if (known.name == part.name()) part.set_estimated_seconds(known.seconds);
    }
    *check.add_parts() = std::move(part);
  }
}

// On the CPU, when all that runs on the NPU is done.
bool IsInTail(const NetworkPartition& partition, const onnx::NodeProto& node) {
  const auto part = partition.part_of.find(MadeBy(node));
  if (part == partition.part_of.end() || partition.parts.size() < 2) return false;
  return part->second + 1 == partition.parts.size() && partition.parts.back().device == PartDevice::kCpu;
}

// The check is right without it: of a chip there may be no figures.
void AddEstimate(Graph& graph, const v1::TargetDescription& target, const v1::NpuMode& mode, v1::TargetCheck& check) {
  const absl::StatusOr<v1::Cost> cost = EstimateLabelledGraph(graph, target, mode);
  if (!cost.ok()) return;
  check.set_mode(mode.name());
  check.set_latency_ms(cost->latency_ms());
  check.set_median_error_percent(cost->median_error_percent());
}

// What makes it impossible, or "".
std::string WhyImpossible(const std::vector<v1::OperatorCheck>& rows, int64_t parameters,
                          const v1::TargetDescription& target) {
  for (const v1::OperatorCheck& row : rows) {
    if (row.placement() == v1::CHECK_PLACEMENT_IMPOSSIBLE) return absl::StrCat(row.nodes(0), ": ", row.reason());
  }
  const double memory = target.memory().dram_bytes().value();
  if (memory <= 0 || static_cast<double>(parameters) <= memory) return "";
  return absl::StrFormat("the weights alone need %d MB with 8 bits each, the %s has %d MB of memory",
                         parameters / 1'000'000, target.name(), static_cast<int64_t>(memory) / 1'000'000);
}

absl::StatusOr<v1::TargetCheck> CheckFitted(Graph& graph, const v1::TargetDescription& target,
                                            const std::map<std::string, OffNpu>& before,
                                            const std::map<std::string, std::string>& rewrites) {
  v1::TargetCheck check;
  check.set_target(target.name());
  ASSIGN_OR_RETURN(const v1::NpuMode mode, FindMode(target, ""));
  ASSIGN_OR_RETURN(const NetworkPartition partition, NetworkPartitioner(target, mode).Divide(graph, {}, {}));
  LabelParts(partition, graph);
  if (!partition.parts.empty()) AddParts(partition, graph, check);
  bool has_weights_on_cpu = false;
  std::vector<Placed> placed;
  for (const onnx::NodeProto* node : graph.nodes()) {
    placed.push_back({node, Place(graph, *node, target, partition), IsInTail(partition, *node)});
    const bool on_npu = placed.back().support.placement == Placement::kNpu;
    has_weights_on_cpu = has_weights_on_cpu || (!on_npu && HasWeights(graph, *node));
    const int64_t macs = CountMultiplications(graph, *node);
    check.set_macs(check.macs() + macs);
    if (on_npu) check.set_npu_macs(check.npu_macs() + macs);
    on_npu ? check.set_npu_nodes(check.npu_nodes() + 1) : check.set_cpu_nodes(check.cpu_nodes() + 1);
  }
  std::vector<v1::OperatorCheck> rows = MakeRows(placed);
  AddRewritten(before, rewrites, rows);
  std::stable_sort(rows.begin(), rows.end(), [](const v1::OperatorCheck& a, const v1::OperatorCheck& b) {
    return std::make_pair(Urgency(a), -a.count()) < std::make_pair(Urgency(b), -b.count());
  });
  for (v1::OperatorCheck& row : rows) *check.add_operators() = row;
  SetVerdict(target, has_weights_on_cpu, check);
  if (const std::string why = WhyImpossible(rows, CountParameters(graph), target); !why.empty()) {
    check.set_verdict(v1::CHECK_VERDICT_IMPOSSIBLE);
    check.set_summary(why);
    return check;
  }
  AddEstimate(graph, target, mode, check);
  return check;
}

}  // namespace

std::map<std::string, OffNpu> FindOffNpu(Graph& graph, const v1::TargetDescription& target) {
  std::map<std::string, OffNpu> found;
  if (target.cpu_only()) return found;
  for (const onnx::NodeProto* node : graph.nodes()) {
    if (node->op_type() == "Constant") continue;
    Support support = CheckNode(graph, *node, target);
    if (support.placement == Placement::kNpu) continue;
    OffNpu& off_npu = found[node->op_type()];
    if (off_npu.count++ == 0) off_npu.reason = std::move(support.reason);
  }
  return found;
}

int64_t CountParameters(const Graph& graph) {
  int64_t parameters = 0;
  for (const onnx::TensorProto& tensor : graph.proto().initializer()) {
    parameters += NumElements({tensor.dims().begin(), tensor.dims().end()});
  }
  return parameters;
}

absl::StatusOr<v1::TargetCheck> CheckTarget(Graph& graph, const v1::TargetDescription& target,
                                            const std::map<std::string, OffNpu>& before,
                                            const std::map<std::string, std::string>& rewrites) {
  if (!MayNeedFitting(graph, target)) return CheckFitted(graph, target, before, rewrites);
  // What is rewritten for this target only is none of the others' business.
  Graph own(graph.model());
  ASSIGN_OR_RETURN(const std::vector<Fitted> fitted, FitToTarget(own, target));
  std::map<std::string, std::string> all_rewrites = rewrites;
  for (const Fitted& node : fitted) all_rewrites.try_emplace(node.op_type, "fit_to_target");
  return CheckFitted(own, target, before, all_rewrites);
}

}  // namespace joinery::compiler
