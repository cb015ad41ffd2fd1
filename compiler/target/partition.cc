#include "compiler/target/partition.h"

#include <algorithm>
#include <cmath>
#include <cstdint>
#include <optional>
#include <unordered_map>

#include "absl/strings/str_cat.h"
#include "compiler/ir/tensor_proto.h"
#include "compiler/target/min_cut.h"

namespace joinery::compiler {
namespace {

// Costs are counted in these.
constexpr double kPicosecondsPerSecond = 1e12;
// What a node costs beside the NPU that is wanted there: more than any network takes.
constexpr double kAgainstWishSeconds = 100;
// Where both devices take the same time, so much speaks for the NPU.
constexpr int64_t kPreferenceForNpu = 1;
// The least that a tensor whose shape is not known counts for; else it counts as the largest that its node reads.
constexpr int64_t kUnknownBytes = 4096;

int64_t ToCost(double seconds) { return static_cast<int64_t>(std::llround(seconds * kPicosecondsPerSecond)); }

// The graph as the division sees it.
struct Edge {
  // By number; -1: an input of the graph.
  int producer = -1;
  std::vector<int> consumers;
  bool is_output = false;
  int64_t bytes = 0;
  // To hand it over once.
  int64_t cost = 0;
};

struct Task {
  int64_t npu_cost = 0;
  int64_t cpu_cost = 0;
};

struct Division {
  // Of each task.
  std::vector<int> stages;
  int64_t cost = 0;
};

// nullopt if the tensor's shape is not known.
std::optional<int64_t> BytesOf(Graph& graph, const std::string& tensor) {
  const auto shape = graph.Shape(tensor);
  const auto element = static_cast<int64_t>(ElementSize(graph.ElementType(tensor)));
  if (!shape.has_value() || element == 0) return std::nullopt;
  int64_t bytes = element;
  for (const int64_t size : *shape) bytes *= std::max<int64_t>(size, 1);
  return bytes;
}

class Divider {
 public:
  Divider(Graph& graph, absl::Span<const NodeCosts> costs, const HandOverCosts& hand_over, bool wants_npu)
      : nodes_(graph.nodes()),
        free_npu_parts_(wants_npu ? 1 : 0),
        npu_part_cost_(ToCost(hand_over.seconds_per_npu_part)),
        cpu_part_cost_(ToCost(hand_over.seconds_per_cpu_part)) {
    for (const NodeCosts& cost : costs) {
      Task& task = tasks_.emplace_back();
      task.npu_cost = cost.may_run_on_npu ? ToCost(cost.npu_seconds) : MinCut::kForbidden;
      task.cpu_cost = ToCost(cost.cpu_seconds + (cost.is_wanted_on_npu ? kAgainstWishSeconds : 0)) + kPreferenceForNpu;
    }
    CollectEdges(graph, hand_over);
  }

  // `worth_of_parts`: as of PartitionGraph.
  Partition Divide(double worth_of_parts) {
    int64_t least_work = 0;
    for (const Task& task : tasks_) least_work += std::min(task.npu_cost, task.cpu_cost);
    std::vector<Division> found = {{std::vector<int>(nodes_.size(), 0), 0}};
    found.front().cost = CostOf(found.front().stages, 0);
    int64_t best_cost = found.front().cost;
    const int most_parts = std::min(PartsForTheBestOfEach(), kMostNpuParts);
    for (int npu_parts = 1; npu_parts <= most_parts; ++npu_parts) {
      if (least_work + CostOfStarts(npu_parts) >= best_cost) break;
      std::vector<int> stages = AssignStages(npu_parts);
      const int64_t cost = CostOf(stages, npu_parts);
      if (cost >= best_cost) continue;
      best_cost = cost;
      found.push_back({std::move(stages), cost});
    }
    // From few parts to many, and ever cheaper.
    const auto enough = std::find_if(found.begin(), found.end(), [&](const Division& division) {
      return static_cast<double>(division.cost) <= static_cast<double>(best_cost) * (1 + worth_of_parts);
    });
    return ToPartition(enough->stages, enough->cost);
  }

 private:
  // So many parts that every node can be where it costs less, as early as what it reads allows. More would only be
  // started in vain.
  int PartsForTheBestOfEach() const {
    std::vector<std::vector<size_t>> producers_of(tasks_.size());
    for (const Edge& edge : edges_) {
      if (edge.producer < 0) continue;
      for (const int consumer : edge.consumers) {
        producers_of[static_cast<size_t>(consumer)].push_back(static_cast<size_t>(edge.producer));
      }
    }
    std::vector<int> stages(tasks_.size(), 0);
    int last = 0;
    for (size_t i = 0; i < tasks_.size(); ++i) {
      for (const size_t producer : producers_of[i]) stages[i] = std::max(stages[i], stages[producer]);
      const bool is_on_npu = stages[i] % 2 == 1;
      const bool is_better_on_npu = tasks_[i].npu_cost <= tasks_[i].cpu_cost;
      if (is_on_npu != is_better_on_npu) ++stages[i];
      last = std::max(last, stages[i]);
    }
    return (last + 1) / 2;
  }

  void CollectEdges(Graph& graph, const HandOverCosts& hand_over) {
    std::unordered_map<std::string, size_t> edge_of;
    const auto add = [&](const std::string& tensor, int producer, int64_t bytes_if_unknown) {
      const auto [entry, is_new] = edge_of.try_emplace(tensor, edges_.size());
      if (!is_new) return &edges_[entry->second];
      Edge& edge = edges_.emplace_back();
      edge.producer = producer;
      edge.is_output = graph.IsGraphOutput(tensor);
      edge.bytes = BytesOf(graph, tensor).value_or(bytes_if_unknown);
      edge.cost = ToCost(hand_over.seconds_per_tensor + hand_over.seconds_per_byte * static_cast<double>(edge.bytes));
      return &edge;
    };
    for (size_t i = 0; i < nodes_.size(); ++i) {
      int64_t largest_input = kUnknownBytes;
      ForEachInput(*nodes_[i], [&](const std::string& input) {
        if (graph.Initializer(input) != nullptr) return;
        // Made by a node before, or an input of the graph.
        Edge& edge = *add(input, -1, kUnknownBytes);
        largest_input = std::max(largest_input, edge.bytes);
        if (edge.consumers.empty() || edge.consumers.back() != static_cast<int>(i)) {
          edge.consumers.push_back(static_cast<int>(i));
        }
      });
      for (const std::string& output : nodes_[i]->output()) {
        if (!output.empty()) add(output, static_cast<int>(i), largest_input);
      }
    }
  }

  int64_t CostOfStarts(int npu_parts) const {
    return std::max(npu_parts - free_npu_parts_, 0) * npu_part_cost_ + std::max(npu_parts - 1, 0) * cpu_part_cost_;
  }

  // Stages are CPU, NPU, CPU, ..., NPU, CPU; the first and the last may stay empty.
  std::vector<int> AssignStages(int npu_parts) {
    const int boundaries = 2 * npu_parts;
    const int num_tasks = static_cast<int>(tasks_.size());
    MinCut cut(num_tasks * boundaries);
    // On the far side where the task's stage lies beyond the boundary.
    const auto beyond = [&](int task, int boundary) { return task * boundaries + boundary; };
    for (int i = 0; i < num_tasks; ++i) {
      const Task& task = tasks_[static_cast<size_t>(i)];
      cut.AddNearCost(beyond(i, 0), task.cpu_cost);
      cut.AddFarCost(beyond(i, boundaries - 1), task.cpu_cost);
      for (int k = 1; k < boundaries; ++k) {
        cut.AddSplitCost(beyond(i, k), beyond(i, k - 1), k % 2 == 1 ? task.npu_cost : task.cpu_cost);
        cut.AddSplitCost(beyond(i, k - 1), beyond(i, k), MinCut::kForbidden);
      }
    }
    for (const Edge& edge : edges_) {
      for (int k = 0; k < boundaries; ++k) AddHandOver(edge, k, beyond, cut);
    }
    AddStartsOfEnds(boundaries, beyond, cut);
    const std::vector<bool> is_far = cut.Solve();
    std::vector<int> stages(tasks_.size(), 0);
    for (int i = 0; i < num_tasks; ++i) {
      for (int k = 0; k < boundaries; ++k) {
        if (is_far[static_cast<size_t>(beyond(i, k))]) ++stages[static_cast<size_t>(i)];
      }
    }
    return stages;
  }

  // That nothing is read before it is made, and what it costs if the tensor is made before boundary `k` and read
  // behind.
  template <typename Beyond>
  void AddHandOver(const Edge& edge, int k, const Beyond& beyond, MinCut& cut) {
    if (edge.producer >= 0) {
      for (const int consumer : edge.consumers) {
        cut.AddSplitCost(beyond(consumer, k), beyond(edge.producer, k), MinCut::kForbidden);
      }
      if (edge.is_output) return cut.AddNearCost(beyond(edge.producer, k), edge.cost);
    }
    if (edge.consumers.empty()) return;
    // Beyond the boundary if any of them is.
    int last = beyond(edge.consumers.front(), k);
    if (edge.consumers.size() > 1) {
      last = cut.AddThings(1);
      for (const int consumer : edge.consumers) cut.AddSplitCost(last, beyond(consumer, k), MinCut::kForbidden);
    }
    if (edge.producer < 0) {
      cut.AddFarCost(last, edge.cost);
    } else {
      cut.AddSplitCost(beyond(edge.producer, k), last, edge.cost);
    }
  }

  // The CPU parts at the two ends are started only if there is something in them.
  template <typename Beyond>
  void AddStartsOfEnds(int boundaries, const Beyond& beyond, MinCut& cut) {
    const int head_is_empty = cut.AddThings(2);
    const int tail_is_used = head_is_empty + 1;
    cut.AddNearCost(head_is_empty, cpu_part_cost_);
    cut.AddFarCost(tail_is_used, cpu_part_cost_);
    for (int i = 0; i < static_cast<int>(tasks_.size()); ++i) {
      cut.AddSplitCost(beyond(i, 0), head_is_empty, MinCut::kForbidden);
      cut.AddSplitCost(tail_is_used, beyond(i, boundaries - 1), MinCut::kForbidden);
    }
  }

  int64_t CostOf(const std::vector<int>& stages, int npu_parts) const {
    const int last_stage = 2 * npu_parts;
    int64_t cost = CostOfStarts(npu_parts);
    bool uses_head = false;
    bool uses_tail = false;
    for (size_t i = 0; i < tasks_.size(); ++i) {
      cost += stages[i] % 2 == 1 ? tasks_[i].npu_cost : tasks_[i].cpu_cost;
      uses_head = uses_head || stages[i] == 0;
      uses_tail = uses_tail || (stages[i] == last_stage && last_stage > 0);
    }
    cost += (uses_head ? cpu_part_cost_ : 0) + (uses_tail ? cpu_part_cost_ : 0);
    for (const Edge& edge : edges_) {
      const int from = edge.producer < 0 ? 0 : stages[static_cast<size_t>(edge.producer)];
      int to = edge.is_output && edge.producer >= 0 ? last_stage : from;
      for (const int consumer : edge.consumers) to = std::max(to, stages[static_cast<size_t>(consumer)]);
      cost += (to - from) * edge.cost;
    }
    return cost;
  }

  Partition ToPartition(const std::vector<int>& stages, int64_t cost) const {
    Partition partition;
    partition.seconds = static_cast<double>(cost) / kPicosecondsPerSecond;
    const int last_stage = stages.empty() ? -1 : *std::max_element(stages.begin(), stages.end());
    int npu_parts = 0;
    int cpu_parts = 0;
    for (int stage = 0; stage <= last_stage; ++stage) {
      std::vector<const onnx::NodeProto*> nodes;
      for (size_t i = 0; i < nodes_.size(); ++i) {
        if (stages[i] == stage) nodes.push_back(nodes_[i]);
      }
      if (nodes.empty()) continue;
      const bool is_npu = stage % 2 == 1;
      partition.parts.push_back({is_npu ? absl::StrCat("npu:", npu_parts++) : absl::StrCat("cpu:", cpu_parts++),
                                 is_npu ? PartDevice::kNpu : PartDevice::kCpu, std::move(nodes)});
    }
    return partition;
  }

  std::vector<onnx::NodeProto*> nodes_;
  std::vector<Task> tasks_;
  std::vector<Edge> edges_;
  int free_npu_parts_;
  int64_t npu_part_cost_;
  int64_t cpu_part_cost_;
};

}  // namespace

Partition PartitionGraph(Graph& graph, absl::Span<const NodeCosts> costs, const HandOverCosts& hand_over,
                         bool wants_npu, double worth_of_parts) {
  return Divider(graph, costs, hand_over, wants_npu).Divide(worth_of_parts);
}

}  // namespace joinery::compiler
