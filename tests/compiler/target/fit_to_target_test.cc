#include "compiler/target/fit_to_target.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <string>
#include <vector>

#include "compiler/execution/executor.h"
#include "compiler/frontend/infer_shapes.h"
#include "compiler/frontend/random_feed.h"
#include "compiler/target/support.h"
#include "compiler/target/target.h"
#include "tests/compiler/frontend/onnx_text.h"
#include "tests/testing/status_matchers.h"

namespace joinery::compiler {
namespace {

using ::testing::ElementsAre;
using ::testing::IsEmpty;

struct Case {
  std::string name;
  std::string graph;
  // Operator types afterwards, in the graph's order; empty: as before.
  std::vector<std::string> after;
};

void PrintTo(const Case& c, std::ostream* out) { *out << c.name; }

Graph Parse(const std::string& text) {
  onnx::ModelProto model = ParseOnnxText(text);
  EXPECT_TRUE(InferShapes(model).ok());
  return Graph(std::move(model));
}

std::vector<std::string> OperatorTypes(const Graph& graph) {
  std::vector<std::string> types;
  for (const onnx::NodeProto& node : graph.proto().node()) types.push_back(node.op_type());
  return types;
}

v1::TargetDescription Target(const std::string& name) {
  absl::StatusOr<v1::TargetDescription> target = FindTarget(name);
  EXPECT_TRUE(target.ok()) << target.status();
  return *std::move(target);
}

std::vector<Tensor> RunModel(const onnx::ModelProto& model) {
  const auto executor = LoadOnnxRuntime(model, {});
  EXPECT_TRUE(executor.ok()) << executor.status();
  const auto feed = RandomFeed((*executor)->inputs(), /*seed=*/3);
  EXPECT_TRUE(feed.ok()) << feed.status();
  absl::StatusOr<std::vector<Tensor>> outputs = RunToTensors(**executor, *feed);
  EXPECT_TRUE(outputs.ok()) << outputs.status();
  return *std::move(outputs);
}

class FittedNodesTest : public ::testing::TestWithParam<Case> {};

TEST_P(FittedNodesTest, RewritesWhatTheChipLacksAndComputesTheSame) {
  Graph graph = Parse(GetParam().graph);
  const std::vector<std::string> types = OperatorTypes(graph);
  const std::vector<Tensor> expected = RunModel(graph.model());
  const v1::TargetDescription target = Target("AX620A");
  ASSERT_OK_AND_ASSIGN(const std::vector<Fitted> fitted, FitToTarget(graph, target));
  EXPECT_EQ(fitted.empty(), GetParam().after.empty());
  EXPECT_EQ(OperatorTypes(graph), fitted.empty() ? types : GetParam().after);
  const std::vector<Tensor> actual = RunModel(graph.model());
  ASSERT_EQ(actual.size(), expected.size());
  for (size_t i = 0; i < actual.size(); ++i) EXPECT_EQ(actual[i].bytes, expected[i].bytes) << i;
  EXPECT_TRUE(fitted.empty() || !MayNeedFitting(graph, target));
}

INSTANTIATE_TEST_SUITE_P(
    , FittedNodesTest,
    ::testing::ValuesIn<Case>(
        {{"EvenSplit",
          "g (float[1,4,2,3] x) => (float[1,2,2,3] y, float[1,2,2,3] z) { y, z = Split<axis = 1>(x) }",
          {"Slice", "Slice"}},
         {"UnevenSplitFromTheEnd",
          "g (float[1,4,2,6] x) => (float[1,4,2,1] a, float[1,4,2,2] b, float[1,4,2,3] c) <int64[3] s = {1, 2, 3}> "
          "{ a, b, c = Split<axis = -1>(x, s) }",
          {"Slice", "Slice", "Slice"}},
         {"InTheMidst",
          "g (float[1,4,2,3] x) => (float[1,2,2,3] y) { r = Relu(x) a, b = Split<axis = 1>(r) y = Add(a, b) }",
          {"Relu", "Slice", "Slice", "Add"}},
         {"Squeeze",
          "g (float[1,4,1,3] x) => (float[1,4,3] y) <int64[1] axes = {2}> { y = Squeeze(x, axes) }",
          {"Reshape"}},
         {"WhatWouldNotHelpStays",
          "g (float[1,4,1,3,2] x) => (float[1,4,3,2] y) <int64[1] axes = {2}> { y = Squeeze(x, axes) }",
          {}},
         {"WhatTheChipHasStays",
          "g (float[1,4,2,3] x) => (float[1,4,2,3] y) <int64[1] axes = {0}> { a = Unsqueeze(x, axes) "
          "y = Squeeze(a, axes) }",
          {}}}),
    [](const auto& parameter) { return parameter.param.name; });

TEST(FitToTargetTest, AChipThatHasItAllIsNotFittedTo) {
  Graph graph = Parse("g (float[1,4,2,3] x) => (float[1,2,2,3] y, float[1,2,2,3] z) { y, z = Split<axis = 1>(x) }");
  for (const char* name : {"AX630C", "ONNX_RUNTIME"}) {
    const v1::TargetDescription target = Target(name);
    EXPECT_FALSE(MayNeedFitting(graph, target)) << name;
    ASSERT_OK_AND_ASSIGN(const std::vector<Fitted> fitted, FitToTarget(graph, target));
    EXPECT_THAT(fitted, IsEmpty()) << name;
  }
}

TEST(FitToTargetTest, WhatIsLeftOutStays) {
  Graph graph = Parse("g (float[1,4,2,3] x) => (float[1,2,2,3] y, float[1,2,2,3] z) { y, z = Split<axis = 1>(x) }");
  ASSERT_OK_AND_ASSIGN(const std::vector<Fitted> fitted, FitToTarget(graph, Target("AX620A"), {graph.Producer("y")}));
  EXPECT_THAT(fitted, IsEmpty());
  EXPECT_THAT(OperatorTypes(graph), ElementsAre("Split"));
}

}  // namespace
}  // namespace joinery::compiler
