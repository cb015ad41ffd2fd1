#include "compiler/evaluation/pair_layers.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include "onnx/shape_inference/implementation.h"
#include "tests/compiler/frontend/onnx_text.h"

namespace joinery::compiler {
namespace {

using ::testing::ElementsAre;
using ::testing::IsEmpty;
using ::testing::SizeIs;

Graph GraphOf(const std::string& text, int opset = 13) {
  onnx::ModelProto model = ParseOnnxText(text, opset);
  onnx::shape_inference::InferShapes(model);
  return Graph(std::move(model));
}

constexpr char kFloat[] = R"(g (float[1,1,2,2] x) => (float[1,2,2,2] z)
    <float[2,1,1,1] w = {1, -2}> {
      y = Conv(x, w)  r = Relu(y)  z = Sigmoid(r) })";

TEST(PairLayersTest, PairsWhatWeQuantize) {
  Graph reference = GraphOf(kFloat);
  Graph quantized = GraphOf(R"(g (float[1,1,2,2] x) => (float[1,2,2,2] z)
      <int8[2,1,1,1] w_quantized = {64, -127}, float[2] w_scale = {0.016, 0.016}, float s = {0.5}, uint8 p = {10}> {
        x_quantized = QuantizeLinear(x, s, p)
        x_dequantized = DequantizeLinear(x_quantized, s, p)
        w_dequantized = DequantizeLinear<axis = 0>(w_quantized, w_scale)
        y = Conv(x_dequantized, w_dequantized)
        r_unquantized = Relu(y)
        r_quantized = QuantizeLinear(r_unquantized, s, p)
        r = DequantizeLinear(r_quantized, s, p)
        z = Sigmoid(r) })");
  const std::vector<LayerPair> layers = PairLayers(reference, quantized);
  ASSERT_THAT(layers, SizeIs(3));
  EXPECT_EQ(layers[0].tensor, "x");
  EXPECT_EQ(layers[0].dequantized, "x_dequantized");
  EXPECT_EQ(layers[0].op_type, "Input");
  EXPECT_EQ(layers[0].name, "x");

  EXPECT_EQ(layers[1].tensor, "r");
  EXPECT_EQ(layers[1].dequantized, "r");
  EXPECT_EQ(layers[1].op_type, "Conv");
  EXPECT_EQ(layers[1].weights, "w");
  EXPECT_EQ(layers[1].weight_bits, 8);
  EXPECT_TRUE(layers[1].has_channels);
  EXPECT_THAT(layers[1].inputs, ElementsAre(0));
  ASSERT_TRUE(layers[1].format.has_value());
  EXPECT_EQ(layers[1].format->bits, 8);
  EXPECT_FLOAT_EQ(layers[1].format->low, -5);
  EXPECT_FLOAT_EQ(layers[1].format->high, 122.5);
  EXPECT_EQ(layers[1].format->zero_point, 10);

  EXPECT_EQ(layers[2].tensor, "z");
  EXPECT_FALSE(layers[2].format.has_value());
  EXPECT_THAT(layers[2].inputs, ElementsAre(1));
}

TEST(PairLayersTest, PairsWhatOthersQuantizeByWhatTheyRead) {
  Graph reference = GraphOf(kFloat);
  Graph quantized = GraphOf(R"(g (float[1,1,2,2] x) => (float[1,2,2,2] z)
      <float[2,1,1,1] w = {1, -2}, float s = {0.25}, int16 p = {0}> {
        y = Conv(x, w)  r = Relu(y)
        q = QuantizeLinear(r, s, p)
        r_DequantizeLinear_Output = DequantizeLinear(q, s, p)
        z = Sigmoid(r_DequantizeLinear_Output) })",
                            21);
  const std::vector<LayerPair> layers = PairLayers(reference, quantized);
  ASSERT_THAT(layers, SizeIs(2));
  EXPECT_EQ(layers[0].tensor, "r");
  EXPECT_EQ(layers[0].dequantized, "r_DequantizeLinear_Output");
  EXPECT_EQ(layers[0].format->bits, 16);
  EXPECT_FLOAT_EQ(layers[0].format->low, -8192);
  EXPECT_EQ(layers[0].weight_bits, 0);
}

TEST(PairLayersTest, ModelsWithoutAnythingInCommonHaveNoPairs) {
  Graph reference = GraphOf("g (float[2] x) => (float[2] y) { y = Relu(x) }");
  Graph quantized = GraphOf("g (float[2] a) => (float[2] b) { b = Relu(a) }");
  EXPECT_THAT(PairLayers(reference, quantized), IsEmpty());
}

}  // namespace
}  // namespace joinery::compiler
