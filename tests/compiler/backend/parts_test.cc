#include "compiler/backend/parts.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <map>
#include <memory>
#include <random>
#include <string>
#include <unordered_map>
#include <vector>

#include "absl/strings/str_cat.h"
#include "compiler/execution/executor.h"
#include "compiler/target/partition.h"
#include "tests/compiler/frontend/onnx_text.h"
#include "tests/testing/status_matchers.h"

namespace joinery::compiler {
namespace {

using ::joinery::testing::StatusIs;
using ::testing::ElementsAre;
using ::testing::HasSubstr;
using ::testing::SizeIs;

constexpr char kBranches[] = R"(g (float[1,2,4,4] x, int64[1] axis) => (float[1,2,4,4] y, float[1,2,1,1] z)
    <float[2,2,1,1] w = {0.5,-0.3,0.1,0.8}> {
      a = Conv(x, w)
      b = Relu(a)
      y = Softmax <axis = 1> (b)
      z = GlobalAveragePool(b) })";

onnx::ModelProto WithParts(const std::vector<std::string>& parts) {
  onnx::ModelProto model = ParseOnnxText(kBranches);
  for (size_t i = 0; i < parts.size(); ++i) {
    SetPart(model.mutable_graph()->mutable_node(static_cast<int>(i)), parts[i]);
  }
  return model;
}

TEST(PartsTest, TellsWhatGoesInAndOut) {
  Graph graph(WithParts({"npu:0", "npu:0", "cpu:0", "npu:0"}));
  const std::vector<PartTensors> parts = PartsOf(graph);
  ASSERT_THAT(parts, SizeIs(2));
  EXPECT_EQ(parts[0].name, "npu:0");
  EXPECT_EQ(parts[0].nodes, 3);
  EXPECT_THAT(parts[0].inputs, ElementsAre("x"));
  EXPECT_THAT(parts[0].outputs, ElementsAre("b", "z"));
  EXPECT_THAT(parts[1].inputs, ElementsAre("b"));
  EXPECT_THAT(parts[1].outputs, ElementsAre("y"));
}

TEST(PartsTest, DescribesShapes) {
  ASSERT_OK_AND_ASSIGN(const std::vector<v1::Part> parts,
                       DescribeParts(WithParts({"npu:0", "npu:0", "cpu:0", "cpu:0"})));
  ASSERT_THAT(parts, SizeIs(2));
  EXPECT_EQ(parts[1].device(), "CPU");
  EXPECT_EQ(parts[0].outputs(0).name(), "b");
  EXPECT_EQ(parts[0].outputs(0).element_type(), "float");
  EXPECT_THAT(parts[0].outputs(0).shape(), ElementsAre(1, 2, 4, 4));
}

TEST(PartsTest, PartsComeInTheOrderInWhichTheyCanRun) {
  onnx::ModelProto model = ParseOnnxText(R"(g (float[2] x) => (float[2] y, float[2] z) {
      a = Relu(x)  y = Exp(x)  z = Add(y, a) })");
  const char* parts[] = {"b", "c", "a"};
  for (int i = 0; i < 3; ++i) SetPart(model.mutable_graph()->mutable_node(i), parts[i]);
  Graph graph(model);
  std::vector<std::string> names;
  for (const PartTensors& part : PartsOf(graph)) names.push_back(part.name);
  EXPECT_THAT(names, ElementsAre("b", "c", "a"));
}

TEST(PartsTest, AnExtractIsAPlainModel) {
  ASSERT_OK_AND_ASSIGN(const onnx::ModelProto part,
                       ExtractPart(WithParts({"npu:0", "npu:0", "cpu:0", "cpu:0"}), "npu:0"));
  EXPECT_EQ(part.metadata_props_size(), 0);
  EXPECT_EQ(part.graph().node(0).metadata_props_size(), 0);
  EXPECT_THAT(part.graph().initializer(), SizeIs(1));
  ASSERT_OK_AND_ASSIGN(const auto executor, LoadOnnxRuntime(part, {}));
  ASSERT_THAT(executor->inputs(), SizeIs(1));
  EXPECT_EQ(executor->outputs()[0].name, "b");
}

TEST(PartsTest, AnUnknownPartNamesThoseThereAre) {
  EXPECT_THAT(ExtractPart(WithParts({"npu:0", "npu:0", "cpu:0", "cpu:0"}), "npu:1").status(),
              StatusIs(absl::StatusCode::kInvalidArgument, HasSubstr("npu:0, cpu:0")));
  EXPECT_THAT(ExtractPart(ParseOnnxText(kBranches), "npu:0").status(),
              StatusIs(absl::StatusCode::kInvalidArgument, HasSubstr("no .joint")));
}

TEST(PartsTest, ExtractsWhatLiesBetweenTensors) {
  ASSERT_OK_AND_ASSIGN(const onnx::ModelProto between, ExtractBetween(ParseOnnxText(kBranches), {"a"}, {"y"}));
  ASSERT_THAT(between.graph().node(), SizeIs(2));
  EXPECT_EQ(between.graph().node(0).op_type(), "Relu");
  EXPECT_EQ(between.graph().input(0).name(), "a");
  ASSERT_OK_AND_ASSIGN(const onnx::ModelProto head, ExtractBetween(ParseOnnxText(kBranches), {}, {"b", "z"}));
  EXPECT_THAT(head.graph().node(), SizeIs(3));
  EXPECT_THAT(head.graph().output(), SizeIs(2));
  ASSERT_THAT(head.graph().input(), SizeIs(1));
  EXPECT_EQ(head.graph().input(0).name(), "x");
}

TEST(PartsTest, AnInputWithADefaultIsAConstant) {
  onnx::ModelProto model = ParseOnnxText(kBranches);
  model.set_ir_version(3);
  onnx::ValueInfoProto* weights = model.mutable_graph()->add_input();
  *weights = model.graph().input(0);
  weights->set_name("w");
  ASSERT_OK_AND_ASSIGN(const onnx::ModelProto head, ExtractBetween(model, {}, {"b"}));
  ASSERT_THAT(head.graph().input(), SizeIs(1));
  EXPECT_THAT(head.graph().initializer(), SizeIs(1));
  EXPECT_EQ(head.ir_version(), 4);
}

TEST(PartsTest, RefusesTensorsBetweenWhichNothingCanBeCut) {
  const onnx::ModelProto model = ParseOnnxText(kBranches);
  EXPECT_THAT(ExtractBetween(model, {}, {"nothing"}).status(),
              StatusIs(absl::StatusCode::kInvalidArgument, HasSubstr("nothing")));
  EXPECT_THAT(ExtractBetween(model, {"z"}, {"y"}).status(),
              StatusIs(absl::StatusCode::kInvalidArgument, HasSubstr("\"x\"")));
}

// Layers that ONNX Runtime fuses with their neighbours where it can.
onnx::ModelProto MakeRandomNetwork(int size, std::mt19937& random) {
  const auto below = [&](int end) { return static_cast<int>(random() % static_cast<unsigned>(end)); };
  std::string nodes;
  std::vector<std::string> tensors = {"x"};
  std::vector<bool> is_read = {false};
  const auto pick = [&] {
    const auto chosen = static_cast<size_t>(std::max(0, static_cast<int>(tensors.size()) - 1 - below(3)));
    is_read[chosen] = true;
    return tensors[chosen];
  };
  for (int i = 0; i < size; ++i) {
    const std::string made = absl::StrCat("t", i);
    switch (below(7)) {
      case 0:
      case 1:
        absl::StrAppend(&nodes, made, " = Conv <pads = [1, 1, 1, 1]> (", pick(), ", w) ");
        break;
      case 2:
        absl::StrAppend(&nodes, made, " = Relu(", pick(), ") ");
        break;
      case 3:
        absl::StrAppend(&nodes, made, " = Add(", pick(), ", ", pick(), ") ");
        break;
      case 4:
        absl::StrAppend(&nodes, made, " = Sigmoid(", pick(), ") ");
        break;
      case 5:
        absl::StrAppend(&nodes, made, " = Softmax <axis = 1> (", pick(), ") ");
        break;
      default:
        absl::StrAppend(&nodes, made, " = Transpose <perm = [0, 1, 3, 2]> (", pick(), ") ");
    }
    tensors.push_back(made);
    is_read.push_back(false);
  }
  std::string outputs;
  for (size_t i = 1; i < tensors.size(); ++i) {
    if (!is_read[i]) absl::StrAppend(&outputs, outputs.empty() ? "" : ", ", "float[1,4,6,6] ", tensors[i]);
  }
  std::string weights;
  for (int i = 0; i < 4 * 4 * 9; ++i) {
    absl::StrAppend(&weights, i == 0 ? "" : ",", 0.02 * (below(40) - 20));
  }
  return ParseOnnxText(
      absl::StrCat("g (float[1,4,6,6] x) => (", outputs, ") <float[4,4,3,3] w = {", weights, "}> {", nodes, "}"));
}

void RunOnePart(const onnx::ModelProto& model, std::unordered_map<std::string, Tensor>& tensors) {
  ASSERT_OK_AND_ASSIGN(const auto executor, LoadOnnxRuntime(model, {}));
  std::vector<Tensor> feed;
  for (const TensorSpec& input : executor->inputs()) feed.push_back(tensors.at(input.name));
  ASSERT_OK_AND_ASSIGN(std::vector<Tensor> made, RunToTensors(*executor, feed));
  for (size_t i = 0; i < made.size(); ++i) {
    tensors.insert_or_assign(executor->outputs()[i].name, std::move(made[i]));
  }
}

TEST(PartsTest, PartsOneAfterTheOtherComputeWhatTheWholeDoes) {
  std::mt19937 random(3);
  size_t num_parts = 0;
  for (int round = 0; round < 25; ++round) {
    onnx::ModelProto model = MakeRandomNetwork(4 + round, random);
    Graph graph(model);
    std::vector<NodeCosts> costs;
    for (const onnx::NodeProto* node : graph.nodes()) {
      costs.push_back({node->op_type() != "Softmax" || random() % 4 == 0, false, 1e-6, 30e-6});
    }
    const Partition partition = PartitionGraph(graph, costs, {1e-6, 1e-6, 1e-7, 1e-12});
    std::map<std::string, std::string> part_of;
    for (const DevicePart& part : partition.parts) {
      for (const onnx::NodeProto* node : part.nodes) part_of[node->output(0)] = part.name;
    }
    for (onnx::NodeProto& node : *model.mutable_graph()->mutable_node()) SetPart(&node, part_of.at(node.output(0)));
    num_parts = std::max(num_parts, partition.parts.size());

    std::vector<float> values(144);
    for (float& value : values) value = static_cast<float>(random() % 200) / 100 - 1;
    const Tensor x = MakeTensor<float>(onnx::TensorProto::FLOAT, {1, 4, 6, 6}, values);
    std::unordered_map<std::string, Tensor> whole = {{"x", x}};
    std::unordered_map<std::string, Tensor> split = {{"x", x}};
    RunOnePart(model, whole);
    Graph labelled(model);
    for (const PartTensors& part : PartsOf(labelled)) {
      ASSERT_OK_AND_ASSIGN(const onnx::ModelProto extracted, ExtractPart(model, part.name));
      RunOnePart(extracted, split);
    }
    for (const auto& [name, tensor] : whole) EXPECT_EQ(split.at(name).bytes, tensor.bytes) << round << " " << name;
  }
  EXPECT_GE(num_parts, 4U);
}

}  // namespace
}  // namespace joinery::compiler
