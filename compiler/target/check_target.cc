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
#include "compiler/ir/tensor.h"
#include "compiler/target/node_facts.h"
#include "compiler/target/support.h"

namespace joinery::compiler {
namespace {

using Placement = Support::Placement;

constexpr int kNamedNodes = 3;

v1::CheckPlacement ToProto(Placement placement) {
  switch (placement) {
    case Placement::kNpu:
      return v1::CHECK_PLACEMENT_NPU;
    case Placement::kNpuAfterRewrite:
      return v1::CHECK_PLACEMENT_NPU_AFTER_REWRITE;
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

// Nodes that have weights themselves, or are followed by one that has.
std::unordered_set<const onnx::NodeProto*> FindBody(Graph& graph) {
  std::unordered_set<const onnx::NodeProto*> body;
  std::unordered_set<std::string> read_by_body;
  const std::vector<onnx::NodeProto*> nodes = graph.nodes();
  for (auto node = nodes.rbegin(); node != nodes.rend(); ++node) {
    const bool is_followed = std::any_of((*node)->output().begin(), (*node)->output().end(),
                                         [&](const std::string& output) { return read_by_body.contains(output); });
    if (!is_followed && !HasWeights(graph, **node)) continue;
    body.insert(*node);
    ForEachInput(**node, [&](const std::string& input) { read_by_body.insert(input); });
  }
  return body;
}

// Multiplications with weights; 0 for other nodes and where shapes are not known.
int64_t CountMacs(Graph& graph, const onnx::NodeProto& node) {
  if (!HasWeights(graph, node) && node.op_type() != "MatMul") return 0;
  const auto input = graph.Shape(TensorAt(node, 0, /*of_output=*/false));
  const auto weights = graph.Shape(TensorAt(node, 1, /*of_output=*/false));
  const auto output = graph.Shape(TensorAt(node, 0, /*of_output=*/true));
  if (!input.has_value() || !weights.has_value() || !output.has_value()) return 0;
  if (input->empty() || weights->empty() || output->empty()) return 0;
  if (node.op_type() == "Conv")
    return NumElements(*output) * (NumElements(*weights) / std::max<int64_t>(weights->front(), 1));
  if (node.op_type() == "ConvTranspose") {
    return NumElements(*input) * (NumElements(*weights) / std::max<int64_t>(weights->front(), 1));
  }
  if (node.op_type() == "MatMul") return NumElements(*output) * input->back();
  if (node.op_type() == "Gemm") {
    return NumElements(*output) * (IntAttribute(node, "transA", 0) != 0 ? input->front() : input->back());
  }
  return 0;
}

struct Placed {
  const onnx::NodeProto* node;
  Support support;
  bool is_in_body;
};

// As partitions do it: behind the last layer the description may name operators that the CPU is better for.
Support Place(Graph& graph, const onnx::NodeProto& node, const v1::TargetDescription& target, bool is_in_body) {
  Support support = CheckNode(graph, node, target);
  const auto& tail = target.cpu_tail_operators();
  if (support.placement != Placement::kNpu || is_in_body) return support;
  if (std::find(tail.begin(), tail.end(), node.op_type()) == tail.end()) return support;
  Support moved;
  moved.placement = Placement::kCpu;
  moved.reason = "the NPU could run it, but 8 bits would spoil the network's results";
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

v1::OperatorCheck NewRow(const Placed& placed, bool in_tail) {
  const Support& support = placed.support;
  v1::OperatorCheck row;
  row.set_op_type(placed.node->op_type());
  row.set_placement(ToProto(support.placement));
  row.set_reason(support.slow ? support.slow_reason : support.reason);
  row.set_change(support.change);
  row.set_rewrite(support.rewrite);
  row.set_is_slow(support.slow);
  row.set_is_in_tail(in_tail);
  return row;
}

std::vector<v1::OperatorCheck> MakeRows(const std::vector<Placed>& nodes) {
  std::map<std::tuple<std::string, Placement, std::string, bool>, size_t> index;
  std::vector<v1::OperatorCheck> rows;
  for (const Placed& placed : nodes) {
    const Support& support = placed.support;
    const bool in_tail = support.placement == Placement::kCpu && !placed.is_in_body;
    const std::string& reason = support.slow ? support.slow_reason : support.reason;
    const auto [found, is_new] =
        index.try_emplace({placed.node->op_type(), support.placement, reason, in_tail}, rows.size());
    if (is_new) rows.push_back(NewRow(placed, in_tail));
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

void SetVerdict(const v1::TargetDescription& target, v1::TargetCheck& check) {
  const int nodes = check.npu_nodes() + check.cpu_nodes();
  if (target.cpu_only()) {
    check.set_verdict(v1::CHECK_VERDICT_FITS);
    check.set_summary(absl::StrCat("all ", nodes, " nodes run on the CPU, as they must without an NPU"));
    return;
  }
  if (check.cpu_nodes() == 0) {
    check.set_verdict(v1::CHECK_VERDICT_FITS);
    check.set_summary(absl::StrCat("all ", nodes, " nodes run on the NPU"));
    return;
  }
  const std::string in_midst = OperatorsOnCpu(check, /*in_tail=*/false);
  if (in_midst.empty()) {
    check.set_verdict(v1::CHECK_VERDICT_FITS_WITH_CPU_TAIL);
    check.set_summary(absl::StrCat(check.npu_nodes(), " of ", nodes, " nodes run on the NPU, ", check.cpu_nodes(),
                                   " at the end on the CPU (", OperatorsOnCpu(check, /*in_tail=*/true), ")"));
    return;
  }
  check.set_verdict(v1::CHECK_VERDICT_NEEDS_CPU);
  check.set_summary(absl::StrCat(check.cpu_nodes(), " of ", nodes,
                                 " nodes run on the CPU, in the midst of the network ", in_midst, ShareOfMacs(check)));
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

v1::TargetCheck CheckTarget(Graph& graph, const v1::TargetDescription& target,
                            const std::map<std::string, OffNpu>& before,
                            const std::map<std::string, std::string>& rewrites) {
  v1::TargetCheck check;
  check.set_target(target.name());
  const std::unordered_set<const onnx::NodeProto*> body = FindBody(graph);
  std::vector<Placed> placed;
  for (const onnx::NodeProto* node : graph.nodes()) {
    const bool is_in_body = body.contains(node);
    placed.push_back({node, Place(graph, *node, target, is_in_body), is_in_body});
    const bool on_npu = placed.back().support.placement == Placement::kNpu ||
                        placed.back().support.placement == Placement::kNpuAfterRewrite;
    const int64_t macs = CountMacs(graph, *node);
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
  SetVerdict(target, check);
  if (const std::string why = WhyImpossible(rows, CountParameters(graph), target); !why.empty()) {
    check.set_verdict(v1::CHECK_VERDICT_IMPOSSIBLE);
    check.set_summary(why);
  }
  return check;
}

}  // namespace joinery::compiler
