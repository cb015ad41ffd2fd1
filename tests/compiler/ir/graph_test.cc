#include "compiler/ir/graph.h"

#include <string>
#include <vector>

#include "tests/compiler/frontend/onnx_text.h"
#include "tests/testing/status_matchers.h"

namespace joinery::compiler {
namespace {

using ::joinery::testing::IsOk;
using ::joinery::testing::StatusIs;
using ::testing::ElementsAre;
using ::testing::HasSubstr;
using ::testing::IsEmpty;

// x -> first -> a -> second -> b -> last -> y, with a read by last too, and an If that reads b from inside.
Graph MakeGraph() {
  return Graph(ParseOnnxText(
      "g (float[2] x, bool t) => (float[2] y, float[2] z) <float[2] w = {1, 2}, float[2] unread = {0, 0}> { "
      "[first] a = Add(x, w) [second] b = Neg(a) [last] y = Mul(a, b) "
      "[choice] z = If(t) <then_branch = g1 () => (float[2] c) { c = Abs(b) }, "
      "else_branch = g2 () => (float[2] d) { d = Neg(x) }> }"));
}

std::vector<std::string> Names(const std::vector<onnx::NodeProto*>& nodes) {
  std::vector<std::string> names;
  for (const onnx::NodeProto* node : nodes) names.push_back(node->name());
  return names;
}

TEST(GraphTest, KnowsProducersAndConsumers) {
  Graph graph = MakeGraph();
  EXPECT_EQ(graph.Producer("b")->name(), "second");
  EXPECT_EQ(graph.Producer("x"), nullptr);
  EXPECT_EQ(graph.Producer("w"), nullptr);
  EXPECT_EQ(graph.Producer("nobody"), nullptr);
  EXPECT_THAT(Names(graph.Consumers("a")), ElementsAre("second", "last"));
  EXPECT_THAT(Names(graph.Consumers("b")), ElementsAre("last", "choice"));
  EXPECT_THAT(graph.Consumers("y"), IsEmpty());
}

TEST(GraphTest, KnowsInputsOutputsAndConstants) {
  Graph graph = MakeGraph();
  EXPECT_TRUE(graph.IsGraphInput("x"));
  EXPECT_FALSE(graph.IsGraphInput("w"));
  EXPECT_TRUE(graph.IsGraphOutput("z"));
  EXPECT_FALSE(graph.IsGraphOutput("b"));
  ASSERT_NE(graph.Initializer("w"), nullptr);
  EXPECT_EQ(graph.Initializer("x"), nullptr);
  EXPECT_EQ(graph.Shape("w"), std::vector<int64_t>{2});
  EXPECT_EQ(graph.ElementType("x"), onnx::TensorProto::FLOAT);
  EXPECT_EQ(graph.ElementType("b"), onnx::TensorProto::UNDEFINED);
  EXPECT_EQ(graph.Shape("b"), std::nullopt);
}

TEST(GraphTest, DefaultOfAnInputIsNoConstant) {
  Graph graph(ParseOnnxText("g (float[2] x, float[2] w) => (float[2] y) <float[2] v = {1, 2}> { y = Add(x, w) }"));
  graph.mutable_model().mutable_graph()->mutable_initializer(0)->set_name("w");
  graph.Invalidate();
  EXPECT_EQ(graph.Initializer("w"), nullptr);
  ASSERT_EQ(graph.Inputs().size(), 1U);
  EXPECT_EQ(graph.Inputs()[0]->name(), "x");
}

TEST(GraphTest, OpenDimensionsMakeNoShape) {
  Graph graph(ParseOnnxText("g (float[N,2] x) => (float[N,2] y) { y = Neg(x) }"));
  EXPECT_EQ(graph.Shape("x"), std::nullopt);
  ASSERT_NE(graph.TensorType("x"), nullptr);
  EXPECT_EQ(graph.TensorType("x")->shape().dim(0).dim_param(), "N");
}

TEST(GraphTest, EditsAreSeenAtOnce) {
  Graph graph = MakeGraph();
  const std::vector<std::string> inputs = {"a"};
  const std::vector<std::string> outputs = {"e"};
  onnx::NodeProto* added = graph.AddNode("Abs", "added", inputs, outputs);
  EXPECT_EQ(graph.Producer("e"), added);
  graph.SetInput(added, 0, "b");
  EXPECT_THAT(Names(graph.Consumers("b")), ElementsAre("last", "choice", "added"));
  graph.SetOutput(added, 0, "f");
  EXPECT_EQ(graph.Producer("e"), nullptr);
  graph.RemoveNode(added);
  EXPECT_EQ(graph.Producer("f"), nullptr);
  graph.AddInitializer(FloatProto("v", {1}, {3.0F}));
  EXPECT_NE(graph.Initializer("v"), nullptr);
}

TEST(GraphTest, AnInputThatIsNotThereYetIsAdded) {
  Graph graph = MakeGraph();
  onnx::NodeProto* added = graph.AddNode("Conv", "added", {"b", "b"}, {"e"});
  graph.SetInput(added, 2, "bias");
  EXPECT_THAT(added->input(), ElementsAre("b", "b", "bias"));
  EXPECT_THAT(Names(graph.Consumers("bias")), ElementsAre("added"));
  graph.SetInput(added, 4, "last");
  EXPECT_THAT(added->input(), ElementsAre("b", "b", "bias", "", "last"));
}

TEST(GraphTest, ReplacesUsesInNestedGraphsToo) {
  Graph graph = MakeGraph();
  graph.ReplaceUses("b", "x");
  EXPECT_THAT(graph.Consumers("b"), IsEmpty());
  EXPECT_THAT(Names(graph.Consumers("x")), ElementsAre("first", "last", "choice"));
}

TEST(GraphTest, UniqueNamesAvoidNestedOnes) {
  Graph graph = MakeGraph();
  EXPECT_EQ(graph.UniqueTensorName("free"), "free");
  EXPECT_EQ(graph.UniqueTensorName("c"), "c_1");
  EXPECT_EQ(graph.UniqueNodeName("first"), "first_1");
}

TEST(GraphTest, RemovesWhatNobodyReads) {
  Graph graph = MakeGraph();
  EXPECT_EQ(graph.RemoveDeadNodes(), 1);  // The constant "unread".
  EXPECT_EQ(graph.Initializer("unread"), nullptr);
  const std::vector<std::string> inputs = {"a"};
  const std::vector<std::string> outputs = {"e"};
  graph.AddNode("Abs", "added", inputs, outputs);
  EXPECT_EQ(graph.RemoveDeadNodes(), 1);
  EXPECT_EQ(graph.RemoveDeadNodes(), 0);
  EXPECT_EQ(graph.nodes().size(), 4U);
}

TEST(GraphTest, SortsAndKeepsTheOrderOtherwise) {
  Graph graph = MakeGraph();
  auto* nodes = graph.mutable_model().mutable_graph()->mutable_node();
  nodes->SwapElements(0, 3);
  graph.Invalidate();
  ASSERT_THAT(graph.SortTopologically(), IsOk());
  EXPECT_THAT(Names(graph.nodes()), ElementsAre("first", "second", "choice", "last"));
}

TEST(GraphTest, CycleIsAnErrorNamingANode) {
  Graph graph = MakeGraph();
  graph.SetInput(graph.Producer("a"), 0, "b");
  EXPECT_THAT(graph.SortTopologically(),
              StatusIs(absl::StatusCode::kInvalidArgument, HasSubstr("cycle: node \"first\" (Add)")));
}

TEST(GraphTest, Attributes) {
  onnx::NodeProto node;
  node.set_op_type("Conv");
  EXPECT_EQ(IntAttribute(node, "group", 1), 1);
  SetIntAttribute(&node, "group", 4);
  SetIntAttribute(&node, "group", 2);
  EXPECT_EQ(IntAttribute(node, "group", 1), 2);
  EXPECT_EQ(node.attribute_size(), 1);
  SetIntsAttribute(&node, "pads", {1, 2});
  EXPECT_EQ(IntsAttribute(node, "pads"), (std::vector<int64_t>{1, 2}));
  EXPECT_THAT(IntsAttribute(node, "strides"), IsEmpty());
  EXPECT_EQ(StringAttribute(node, "auto_pad", "NOTSET"), "NOTSET");
  EXPECT_EQ(FloatAttribute(node, "epsilon", 0.5F), 0.5F);
  node.add_output("y");
  EXPECT_EQ(Describe(node), "Conv that makes \"y\"");
  node.set_name("n");
  EXPECT_EQ(Describe(node), "\"n\" (Conv)");
}

}  // namespace
}  // namespace joinery::compiler
