// Which nodes make a layer, with what shapes and bits.
#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <string>
#include <vector>

#include "compiler/frontend/infer_shapes.h"
#include "compiler/target/layer_shapes.h"
#include "tests/compiler/frontend/onnx_text.h"
#include "tests/testing/status_matchers.h"

namespace joinery::compiler {
namespace {

using ::joinery::testing::IsOk;
using ::joinery::testing::StatusIs;
using ::testing::ElementsAre;
using ::testing::HasSubstr;

std::vector<LayerShape> List(const std::string& graph_text) {
  onnx::ModelProto model = ParseOnnxText(graph_text);
  EXPECT_THAT(InferShapes(model), IsOk());
  Graph graph(std::move(model));
  return ListLayers(graph);
}

TEST(ListLayersTest, ConvolutionTakesItsActivation) {
  const std::vector<LayerShape> layers = List(R"(g (float[1,4,8,8] x) => (y)
      <float[16,2,3,3] w = {0}> {
        c = Conv<kernel_shape = [3,3], group = 2>(x, w)
        y = Relu(c)
      })");
  ASSERT_EQ(layers.size(), 1);
  EXPECT_EQ(layers[0].op_type, "Conv");
  EXPECT_EQ(layers[0].activation, "Relu");
  EXPECT_THAT(layers[0].inputs, ElementsAre(Dimensions{1, 4, 8, 8}));
  EXPECT_EQ(layers[0].output, (Dimensions{1, 16, 6, 6}));
  EXPECT_EQ(layers[0].weights, (Dimensions{16, 2, 3, 3}));
  EXPECT_EQ(layers[0].group, 2);
  EXPECT_EQ(layers[0].bits, 8);
  EXPECT_THAT(layers[0].tensors, ElementsAre("c", "y"));
}

TEST(ListLayersTest, SigmoidAndProductAreOneActivation) {
  const std::vector<LayerShape> layers = List(R"(g (float[1,4,8,8] x) => (y)
      <float[4,4,1,1] w = {0}> {
        c = Conv(x, w)
        s = Sigmoid(c)
        y = Mul(c, s)
      })");
  ASSERT_EQ(layers.size(), 1);
  EXPECT_EQ(layers[0].activation, "Silu");
}

TEST(ListLayersTest, WhatOthersReadStaysALayer) {
  const std::vector<LayerShape> layers = List(R"(g (float[1,4,8,8] x) => (y)
      <float[4,4,1,1] w = {0}> {
        c = Conv(x, w)
        r = Relu(c)
        y = Add(c, r)
      })");
  ASSERT_EQ(layers.size(), 3);
  EXPECT_EQ(layers[0].activation, "");
  EXPECT_EQ(layers[1].op_type, "Relu");
  EXPECT_EQ(layers[2].inputs.size(), 2);
}

TEST(ListLayersTest, OutputOfTheModelIsNotTakenIn) {
  const std::vector<LayerShape> layers = List(R"(g (float[1,4] x) => (a, y) {
        a = Abs(x)
        y = Relu(a)
      })");
  EXPECT_EQ(layers.size(), 2);
}

TEST(ListLayersTest, QuantizersOnlySayHowManyBits) {
  const std::vector<LayerShape> layers = List(R"(g (float[1,4] x) => (y)
      <float one = {1}, uint8 zero = {0}, int8[4,4] w = {0}, int8 wzero = {0}> {
        xq = QuantizeLinear(x, one, zero)
        xd = DequantizeLinear(xq, one, zero)
        wd = DequantizeLinear(w, one, wzero)
        m = MatMul(xd, wd)
        r = Relu(m)
        rq = QuantizeLinear(r, one, zero)
        rd = DequantizeLinear(rq, one, zero)
        y = Exp(rd)
      })");
  ASSERT_EQ(layers.size(), 2);
  EXPECT_EQ(layers[0].op_type, "MatMul");
  EXPECT_EQ(layers[0].activation, "Relu");
  EXPECT_EQ(layers[0].weights, (Dimensions{4, 4}));
  EXPECT_EQ(layers[0].bits, 8);
  EXPECT_EQ(layers[0].weight_bits, 8);
  EXPECT_EQ(layers[1].op_type, "Exp");
  EXPECT_EQ(layers[1].bits, 32);
}

TEST(LayerTableTest, RoundTripKeepsEverything) {
  const std::vector<LayerShape> layers = List(R"(g (float[1,4,8,8] x) => (y)
      <float[4,4,1,1] w = {0}> {
        c = Conv<kernel_shape = [1,1]>(x, w)
        r = Relu(c)
        y = Add(r, x)
      })");
  const std::string table = LayerTable(layers);
  const absl::StatusOr<std::vector<LayerShape>> parsed = ParseLayerTable(table);
  ASSERT_THAT(parsed, IsOk());
  EXPECT_EQ(LayerTable(*parsed), table);
  ASSERT_EQ(parsed->size(), 2);
  EXPECT_EQ((*parsed)[0].activation, "Relu");
  EXPECT_EQ((*parsed)[1].inputs.size(), 2);
}

TEST(LayerTableTest, NamesTheLineThatIsWrong) {
  const std::string head = LayerTable({});
  EXPECT_THAT(ParseLayerTable("x\n"), StatusIs(absl::StatusCode::kInvalidArgument, HasSubstr("line 1")));
  EXPECT_THAT(ParseLayerTable(head + "0\tConv\n"), StatusIs(absl::StatusCode::kInvalidArgument, HasSubstr("line 2")));
  EXPECT_THAT(ParseLayerTable(head + "0\tConv\t-\t1xq\t-\t-\t-\t1\t8\t8\n"),
              StatusIs(absl::StatusCode::kInvalidArgument, HasSubstr("'q' is no number")));
}

}  // namespace
}  // namespace joinery::compiler
