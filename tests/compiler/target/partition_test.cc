#include "compiler/target/partition.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <algorithm>
#include <map>
#include <random>
#include <string>
#include <vector>

#include "absl/strings/str_cat.h"
#include "absl/strings/str_join.h"
#include "onnx/shape_inference/implementation.h"
#include "tests/compiler/frontend/onnx_text.h"

namespace joinery::compiler {
namespace {

using ::testing::HasSubstr;
using ::testing::Not;

constexpr double kMicrosecond = 1e-6;
constexpr HandOverCosts kHandOver{20 * kMicrosecond, 10 * kMicrosecond, 1 * kMicrosecond, 1e-10};

// Operators that only the CPU has; others take 1 microsecond on the NPU and 5 on the CPU.
NodeCosts CostsOf(const onnx::NodeProto& node) {
  if (node.op_type() == "Exp") return {false, false, 0, 5 * kMicrosecond};
  if (node.op_type() == "Conv") return {true, false, 10 * kMicrosecond, 2000 * kMicrosecond};
  // As good on either.
  if (node.op_type() == "Identity") return {true, false, 1 * kMicrosecond, 1 * kMicrosecond};
  return {true, false, 1 * kMicrosecond, 5 * kMicrosecond};
}

// "npu:0(a b) cpu:0(c)": the parts and what their nodes make.
std::string Divide(const std::string& nodes, const std::string& outputs,
                   const std::map<std::string, NodeCosts>& own_costs = {}, const HandOverCosts& hand_over = kHandOver,
                   double worth_of_parts = 0) {
  onnx::ModelProto model =
      ParseOnnxText(absl::StrCat("g (float[1,1,4,4] x) => (", outputs, ") <float[1,1,1,1] w = {2}> {", nodes, "}"));
  onnx::shape_inference::InferShapes(model);
  Graph graph(std::move(model));
  std::vector<NodeCosts> costs;
  for (const onnx::NodeProto* node : graph.nodes()) {
    const auto own = own_costs.find(node->output(0));
    costs.push_back(own == own_costs.end() ? CostsOf(*node) : own->second);
  }
  const Partition partition = PartitionGraph(graph, costs, hand_over, /*wants_npu=*/false, worth_of_parts);
  return absl::StrJoin(partition.parts, " ", [](std::string* out, const DevicePart& part) {
    absl::StrAppend(
        out, part.name, "(",
        absl::StrJoin(part.nodes, " ",
                      [](std::string* text, const onnx::NodeProto* node) { text->append(node->output(0)); }),
        ")");
  });
}

TEST(PartitionTest, WhatTheNpuCanDoIsOnePart) {
  EXPECT_EQ(Divide("a = Conv(x, w) b = Relu(a) y = Identity(b)", "float[1,1,4,4] y"), "npu:0(a b y)");
}

TEST(PartitionTest, WhatItCannotDoIsACpuTail) {
  EXPECT_EQ(Divide("a = Conv(x, w) b = Relu(a) c = Exp(b) y = Exp(c)", "float[1,1,4,4] y"), "npu:0(a b) cpu:0(c y)");
}

TEST(PartitionTest, TheTailTakesWhatWouldNeedAHandOverBack) {
  EXPECT_EQ(Divide("a = Conv(x, w) b = Exp(a) c = Relu(b) y = Exp(c)", "float[1,1,4,4] y"), "npu:0(a) cpu:0(b c y)");
}

TEST(PartitionTest, ALargeLayerBehindIsWorthAHandOver) {
  EXPECT_EQ(Divide("a = Conv(x, w) b = Exp(a) y = Conv(b, w)", "float[1,1,4,4] y"), "npu:0(a) cpu:0(b) npu:1(y)");
}

TEST(PartitionTest, BranchesToTheCpuShareOneTail) {
  EXPECT_EQ(Divide("a = Conv(x, w) y = Exp(a) b = Conv(a, w) z = Exp(b)", "float[1,1,4,4] y, float[1,1,4,4] z"),
            "npu:0(a b) cpu:0(y z)");
}

TEST(PartitionTest, ANetworkThatIsTooSmallForTheNpuStaysOnTheCpu) {
  EXPECT_EQ(Divide("a = Relu(x) y = Exp(a)", "float[1,1,4,4] y"), "cpu:0(a y)");
}

TEST(PartitionTest, TheBoundaryIsWhereLeastIsHandedOver) {
  const HandOverCosts slow{20 * kMicrosecond, 10 * kMicrosecond, 1 * kMicrosecond, 1e-7};
  const NodeCosts same{true, false, 2 * kMicrosecond, 2 * kMicrosecond};
  // 64 bytes become 4.
  EXPECT_EQ(Divide("a = Conv(x, w) b = MaxPool <kernel_shape = [4, 4]> (a) y = Exp(b)", "float[1,1,1,1] y",
                   {{"b", same}}, slow),
            "npu:0(a b) cpu:0(y)");
  // 64 bytes become 256.
  EXPECT_EQ(
      Divide("a = Conv(x, w) b = Concat <axis = 0> (a, a, a, a) y = Exp(b)", "float[4,1,4,4] y", {{"b", same}}, slow),
      "npu:0(a) cpu:0(b y)");
}

TEST(PartitionTest, WhatIsWantedOnTheNpuIsThereAtAnyPrice) {
  EXPECT_EQ(Divide("a = Conv(x, w) b = Exp(a) y = Relu(b)", "float[1,1,4,4] y",
                   {{"y", {true, true, 1 * kMicrosecond, 1 * kMicrosecond}}}),
            "npu:0(a) cpu:0(b) npu:1(y)");
}

TEST(PartitionTest, OfManyIslandsOnlySoManyAreLeft) {
  std::string nodes = "t0 = Conv(x, w)";
  std::map<std::string, NodeCosts> costs;
  const int islands = 3 * kMostNpuParts;
  for (int i = 0; i < islands; ++i) {
    absl::StrAppend(&nodes, " e", i, " = Exp(t", i, ") t", i + 1, " = Conv(e", i, ", w)");
  }
  absl::StrAppend(&nodes, " y = Relu(t", islands, ")");
  const std::string divided = Divide(nodes, "float[1,1,4,4] y", costs);
  EXPECT_THAT(divided, HasSubstr(absl::StrCat("npu:", kMostNpuParts - 1)));
  EXPECT_THAT(divided, Not(HasSubstr(absl::StrCat("npu:", kMostNpuParts, "("))));
}

TEST(PartitionTest, ALittleGainIsNotWorthAPart) {
  const std::string nodes = "a = Conv(x, w) b = Exp(a) y = Conv(b, w)";
  const std::map<std::string, NodeCosts> costs = {{"y", {true, false, 1 * kMicrosecond, 60 * kMicrosecond}}};
  EXPECT_EQ(Divide(nodes, "float[1,1,4,4] y", costs), "npu:0(a) cpu:0(b) npu:1(y)");
  EXPECT_EQ(Divide(nodes, "float[1,1,4,4] y", costs, kHandOver, /*worth_of_parts=*/0.4), "npu:0(a) cpu:0(b) npu:1(y)");
  EXPECT_EQ(Divide(nodes, "float[1,1,4,4] y", costs, kHandOver, /*worth_of_parts=*/0.8), "npu:0(a) cpu:0(b y)");
}

// A graph of nodes that read up to three of the tensors before.
struct RandomGraph {
  onnx::ModelProto model;
  std::vector<NodeCosts> costs;
};

RandomGraph MakeRandomGraph(int size, std::mt19937& random) {
  const auto below = [&](int end) { return static_cast<int>(random() % static_cast<unsigned>(end)); };
  RandomGraph made;
  made.model = ParseOnnxText("g (float[1] t0, float[1] u0) => (float[1] y) { y = Sum(t0, u0) }");
  onnx::GraphProto& graph = *made.model.mutable_graph();
  graph.clear_node();
  graph.clear_output();
  std::vector<std::string> tensors = {"t0", "u0"};
  std::vector<bool> is_read(static_cast<size_t>(size) + 2, false);
  for (int i = 0; i < size; ++i) {
    onnx::NodeProto* node = graph.add_node();
    node->set_op_type("Sum");
    const int inputs = 1 + below(3);
    for (int k = 0; k < inputs; ++k) {
      const int recent = std::max(0, static_cast<int>(tensors.size()) - 1 - below(4));
      node->add_input(tensors[static_cast<size_t>(recent)]);
      is_read[static_cast<size_t>(recent)] = true;
    }
    tensors.push_back(absl::StrCat("n", i));
    node->add_output(tensors.back());
    const double npu = below(20) * kMicrosecond;
    made.costs.push_back({below(4) > 0, below(12) == 0, npu, below(60) * kMicrosecond});
  }
  for (size_t i = 2; i < tensors.size(); ++i) {
    if (!is_read[i] || below(9) == 0) graph.add_output()->set_name(tensors[i]);
  }
  return made;
}

// That the parts are what partition.h promises.
void ExpectSound(Graph& graph, const std::vector<NodeCosts>& costs, const Partition& partition) {
  std::map<const onnx::NodeProto*, size_t> part_of;
  for (size_t i = 0; i < partition.parts.size(); ++i) {
    const DevicePart& part = partition.parts[i];
    EXPECT_FALSE(part.nodes.empty()) << part.name;
    EXPECT_TRUE(i == 0 || part.device != partition.parts[i - 1].device) << part.name;
    for (const onnx::NodeProto* node : part.nodes) EXPECT_TRUE(part_of.emplace(node, i).second) << "in two parts";
  }
  const std::vector<onnx::NodeProto*> nodes = graph.nodes();
  ASSERT_EQ(part_of.size(), nodes.size());
  for (size_t i = 0; i < nodes.size(); ++i) {
    const size_t part = part_of.at(nodes[i]);
    EXPECT_TRUE(costs[i].may_run_on_npu || partition.parts[part].device == PartDevice::kCpu);
    ForEachInput(*nodes[i], [&](const std::string& input) {
      const onnx::NodeProto* producer = graph.Producer(input);
      EXPECT_TRUE(producer == nullptr || part_of.at(producer) <= part) << "reads what is made later";
    });
  }
}

TEST(PartitionTest, EveryNodeIsInOnePartAndPartsNeedOnlyEarlierOnes) {
  std::mt19937 random(11);
  for (int round = 0; round < 60; ++round) {
    RandomGraph made = MakeRandomGraph(5 + round, random);
    Graph graph(made.model);
    const Partition partition = PartitionGraph(graph, made.costs, kHandOver);
    ExpectSound(graph, made.costs, partition);
    ASSERT_FALSE(::testing::Test::HasFailure()) << "round " << round;
    EXPECT_EQ(PartitionGraph(graph, made.costs, kHandOver).seconds, partition.seconds);
  }
}

// What a division costs, by the definition in partition.h.
double CostOfStages(Graph& graph, const std::vector<NodeCosts>& costs, const std::vector<int>& stages, int npu_parts) {
  const std::vector<onnx::NodeProto*> nodes = graph.nodes();
  double cost = npu_parts * kHandOver.seconds_per_npu_part;
  std::map<const onnx::NodeProto*, int> stage_of;
  std::map<int, int> nodes_of_stage;
  for (size_t i = 0; i < nodes.size(); ++i) {
    stage_of[nodes[i]] = stages[i];
    ++nodes_of_stage[stages[i]];
    const bool is_npu = stages[i] % 2 == 1;
    if (is_npu && !costs[i].may_run_on_npu) return 1e9;
    cost += is_npu ? costs[i].npu_seconds : costs[i].cpu_seconds + (costs[i].is_wanted_on_npu ? 100 : 0);
  }
  for (int stage = 2; stage < 2 * npu_parts; stage += 2) nodes_of_stage[stage] += 1;
  for (const auto& [stage, count] : nodes_of_stage) cost += stage % 2 == 0 ? kHandOver.seconds_per_cpu_part : 0;
  std::map<std::string, std::pair<int, int>> from_to;
  for (const onnx::NodeProto* node : nodes) {
    for (const std::string& input : node->input()) {
      const onnx::NodeProto* producer = graph.Producer(input);
      const int from = producer == nullptr ? 0 : stage_of[producer];
      if (from > stage_of[node]) return 1e9;
      const auto entry = from_to.try_emplace(input, from, from).first;
      entry->second.second = std::max(entry->second.second, stage_of[node]);
    }
    const std::string& output = node->output(0);
    const auto entry = from_to.try_emplace(output, stage_of[node], stage_of[node]).first;
    if (graph.IsGraphOutput(output)) entry->second.second = 2 * npu_parts;
  }
  for (const auto& [tensor, range] : from_to) {
    // Only the inputs' shapes are known.
    const double bytes = graph.IsGraphInput(tensor) ? 4 : 4096;
    cost += (range.second - range.first) * (kHandOver.seconds_per_tensor + bytes * kHandOver.seconds_per_byte);
  }
  return cost;
}

TEST(PartitionTest, NoOtherDivisionIsCheaper) {
  std::mt19937 random(5);
  for (int round = 0; round < 40; ++round) {
    RandomGraph made = MakeRandomGraph(5, random);
    Graph graph(made.model);
    const double found = PartitionGraph(graph, made.costs, kHandOver).seconds;
    double least = 1e9;
    for (int npu_parts = 0; npu_parts <= 3; ++npu_parts) {
      const int stages = 2 * npu_parts + 1;
      std::vector<int> assigned(5, 0);
      for (bool more = true; more;) {
        least = std::min(least, CostOfStages(graph, made.costs, assigned, npu_parts));
        more = false;
        for (int& stage : assigned) {
          stage = (stage + 1) % stages;
          if (stage == 0) continue;
          more = true;
          break;
        }
      }
    }
    EXPECT_NEAR(found, least, 1e-10) << "round " << round;
  }
}

}  // namespace
}  // namespace joinery::compiler
