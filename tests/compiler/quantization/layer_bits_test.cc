#include "compiler/quantization/layer_bits.h"

#include <gmock/gmock.h>
#include <google/protobuf/text_format.h>
#include <gtest/gtest.h>

#include <string>
#include <vector>

#include "tests/compiler/quantization/builders.h"
#include "tests/testing/status_matchers.h"

namespace joinery::compiler {
namespace {

using ::joinery::testing::StatusIs;
using ::testing::AllOf;
using ::testing::ElementsAre;
using ::testing::HasSubstr;
using ::testing::IsEmpty;

// x -> Conv_a -> Relu_b -> Conv_c -> z, and beside Conv_c Sigmoid_d -> s.
Graph Network() {
  Graph graph = InferGraph(R"(g (float[1,2,4,4] x) => (float[1,2,4,4] z, float[1,2,4,4] s)
      <float[2,2,1,1] v = {1,2,3,4}, float[2,2,1,1] w = {5,6,7,8}> {
        a = Conv(x, v)  b = Relu(a)  z = Conv(b, w)  s = Sigmoid(b) })");
  const std::vector<std::string> names = {"Conv_a", "Relu_b", "Conv_c", "Sigmoid_d"};
  const std::vector<onnx::NodeProto*> nodes = graph.nodes();
  for (size_t i = 0; i < names.size(); ++i) nodes[i]->set_name(names[i]);
  return graph;
}

struct Resolved {
  // "8", "16", "f", or "-" where nothing was asked for; of each node.
  std::string bits;
  std::vector<std::string> notes;
};

Resolved Resolve(const std::string& layers) {
  v1::Quantization quantization;
  EXPECT_TRUE(google::protobuf::TextFormat::ParseFromString(layers, &quantization)) << layers;
  Graph graph = Network();
  Resolved resolved;
  const absl::StatusOr<BitsOfNode> bits_of = ResolveLayerFormats(quantization, graph, resolved.notes);
  EXPECT_TRUE(bits_of.ok()) << bits_of.status();
  for (const onnx::NodeProto* node : graph.nodes()) {
    const v1::LayerBits bits = (*bits_of)(*node);
    resolved.bits += bits == v1::LAYER_BITS_UNSPECIFIED ? "-"
                     : bits == v1::LAYER_BITS_FLOAT     ? "f"
                     : bits == v1::LAYER_BITS_16        ? "16"
                                                        : "8";
    resolved.bits += " ";
  }
  return resolved;
}

struct Case {
  std::string name;
  std::string layers;
  std::string bits;
};

class LayerBitsTest : public ::testing::TestWithParam<Case> {};

TEST_P(LayerBitsTest, EachNodeHasTheFormatThatWasAskedForIt) {
  const Resolved resolved = Resolve(GetParam().layers);
  EXPECT_EQ(resolved.bits, GetParam().bits);
  EXPECT_THAT(resolved.notes, IsEmpty());
}

INSTANTIATE_TEST_SUITE_P(
    , LayerBitsTest,
    ::testing::ValuesIn<Case>({
        {"Name", "layers { node_names: 'Conv_c' bits: LAYER_BITS_16 }", "- - 16 - "},
        {"NameOfATensor", "layers { node_names: 'b' bits: LAYER_BITS_16 }", "- 16 - - "},
        {"Pattern", "layers { node_name_patterns: 'Conv_.*' bits: LAYER_BITS_FLOAT }", "f - f - "},
        {"PatternMatchesTheWholeName", "layers { node_name_patterns: '.*_[ad]' bits: LAYER_BITS_FLOAT }", "f - - f "},
        {"Operator", "layers { op_types: ['Relu', 'Sigmoid'] bits: LAYER_BITS_16 }", "- 16 - 16 "},
        {"Subgraph", "layers { start_tensors: 'a' end_tensors: 'z' bits: LAYER_BITS_16 }", "- 16 16 - "},
        {"NoStartIsTheInputs", "layers { end_tensors: 'b' bits: LAYER_BITS_16 }", "16 16 - - "},
        {"NoEndIsTheOutputs", "layers { start_tensors: 'b' bits: LAYER_BITS_16 }", "- - 16 16 "},
        {"NothingNamedIsAll", "layers { bits: LAYER_BITS_16 }", "16 16 16 16 "},
        {"SubgraphBeatsAll", "layers { end_tensors: 'a' bits: LAYER_BITS_FLOAT } layers { bits: LAYER_BITS_16 }",
         "f 16 16 16 "},
        {"OperatorBeatsSubgraph",
         "layers { op_types: 'Conv' bits: LAYER_BITS_8 } layers { start_tensors: 'a' bits: LAYER_BITS_16 }",
         "8 16 8 16 "},
        {"NameBeatsOperator",
         "layers { node_names: 'Conv_c' bits: LAYER_BITS_FLOAT } layers { op_types: 'Conv' bits: LAYER_BITS_16 }",
         "16 - f - "},
        {"PatternBeatsOperator",
         "layers { node_name_patterns: '.*c' bits: LAYER_BITS_FLOAT } layers { op_types: 'Conv' bits: LAYER_BITS_16 }",
         "16 - f - "},
        {"OfEqualsTheLast",
         "layers { node_name_patterns: 'Conv.*' bits: LAYER_BITS_FLOAT }"
         "layers { node_names: 'Conv_a' bits: LAYER_BITS_16 }",
         "16 - f - "},
        {"OfEqualsTheLastOfAll", "layers { bits: LAYER_BITS_16 } layers { bits: LAYER_BITS_FLOAT }", "f f f f "},
    }),
    [](const auto& test) { return test.param.name; });

TEST(ResolveLayerFormatsTest, WhatNoNodeHasIsNoted) {
  const Resolved resolved = Resolve(
      "layers { node_names: 'Conv_x' node_name_patterns: 'Gemm.*' op_types: 'Softmax' bits: LAYER_BITS_16 }"
      "layers { start_tensors: 'z' end_tensors: 'a' bits: LAYER_BITS_16 }");
  EXPECT_EQ(resolved.bits, "- - - - ");
  EXPECT_THAT(resolved.notes, ElementsAre(HasSubstr("layer \"Conv_x\""), HasSubstr("\"Gemm.*\""),
                                          HasSubstr("operator Softmax"), HasSubstr("between the given tensors")));
}

TEST(ResolveLayerFormatsTest, APatternMustBeARegularExpression) {
  v1::Quantization quantization;
  quantization.add_layers()->add_node_name_patterns("Conv_(");
  Graph graph = Network();
  std::vector<std::string> notes;
  EXPECT_THAT(ResolveLayerFormats(quantization, graph, notes),
              StatusIs(absl::StatusCode::kInvalidArgument, AllOf(HasSubstr("Conv_("), HasSubstr("regular"))));
}

TEST(ResolveLayerFormatsTest, NothingConfiguredAsksForNothing) {
  Graph graph = Network();
  std::vector<std::string> notes;
  ASSERT_OK_AND_ASSIGN(const BitsOfNode bits_of, ResolveLayerFormats({}, graph, notes));
  EXPECT_FALSE(bits_of);
}

// Not every model names its nodes: then they are called as the tensors they make.
TEST(ResolveLayerFormatsTest, APatternMatchesWhatANodeWithoutANameMakes) {
  Graph graph = Network();
  graph.Producer("b")->clear_name();
  v1::Quantization quantization;
  v1::LayerFormat* format = quantization.add_layers();
  format->add_node_name_patterns("[ab]");
  format->set_bits(v1::LAYER_BITS_16);
  std::vector<std::string> notes;
  ASSERT_OK_AND_ASSIGN(const BitsOfNode bits_of, ResolveLayerFormats(quantization, graph, notes));
  EXPECT_EQ(bits_of(*graph.Producer("b")), v1::LAYER_BITS_16);
  EXPECT_EQ(bits_of(*graph.Producer("a")), v1::LAYER_BITS_UNSPECIFIED);
}

}  // namespace
}  // namespace joinery::compiler
