#include "compiler/backend/attach_outputs.h"

#include <gmock/gmock.h>
#include <google/protobuf/text_format.h>
#include <gtest/gtest.h>

#include <memory>
#include <string>
#include <vector>

#include "compiler/execution/executor.h"
#include "onnx/shape_inference/implementation.h"
#include "tests/compiler/frontend/onnx_text.h"
#include "tests/testing/status_matchers.h"

namespace joinery::compiler {
namespace {

using ::google::protobuf::RepeatedPtrField;
using ::joinery::testing::IsOk;
using ::joinery::testing::StatusIs;
using ::testing::ElementsAre;
using ::testing::HasSubstr;
using ::testing::SizeIs;

// Channel 0 is 1 2, channel 1 is 3 4.
constexpr char kPicture[] = "g (float[1,2,1,2] x) => (float[1,2,1,2] y) { y = Identity(x) }";

// Steps of 0.5 from -1 (0) to 126.5 (255).
constexpr char kQuantized[] = R"(g (float[4] x) => (float[4] y)
    <float s = {0.5}, uint8 z = {2}> { q = QuantizeLinear(x, s, z) y = DequantizeLinear(q, s, z) })";

v1::BuildConfiguration Configuration(const std::string& outputs) {
  v1::BuildConfiguration configuration;
  EXPECT_TRUE(google::protobuf::TextFormat::ParseFromString(outputs, &configuration));
  return configuration;
}

Graph Load(const char* text) {
  onnx::ModelProto model = ParseOnnxText(text);
  onnx::shape_inference::InferShapes(model);
  return Graph(std::move(model));
}

Tensor Evaluate(const Graph& graph, const std::vector<float>& values) {
  const auto executor = LoadOnnxRuntime(graph.model(), {});
  EXPECT_THAT(executor, IsOk());
  auto outputs =
      RunToTensors(**executor, {MakeTensor<float>(onnx::TensorProto::FLOAT, (*executor)->inputs()[0].shape, values)});
  EXPECT_THAT(outputs, IsOk());
  return std::move((*outputs)[0]);
}

TEST(AttachOutputsTest, OutputsKeepTheirNamesBehindStepsAndAnotherLayout) {
  Graph graph = Load(kPicture);
  const v1::BuildConfiguration configuration = Configuration(
      "outputs { name: 'y' layout: LAYOUT_NHWC permutation: [0, 2, 3, 1]"
      "  postprocessing { affine { scale: 10 bias: 1 } } postprocessing { normalization { mean: 1 std: 2 } } }");
  ASSERT_OK_AND_ASSIGN(const std::vector<const onnx::NodeProto*> added, AttachOutputs(graph, configuration));
  EXPECT_THAT(added, SizeIs(2));  // The steps are one factor, without a term.
  EXPECT_EQ(graph.proto().output(0).name(), "y");
  EXPECT_EQ(OutputLayout(configuration, graph.proto().output(0)), "NHWC");
  const Tensor output = Evaluate(graph, {1, 2, 3, 4});
  EXPECT_THAT(output.shape, ElementsAre(1, 1, 2, 2));
  EXPECT_THAT(output.values<float>(), ElementsAre(5, 15, 10, 20));
}

TEST(AttachOutputsTest, ALayoutForAllIsForPicturesAlone) {
  Graph graph = Load("g (float[4] x) => (float[4] y) { y = Identity(x) }");
  const v1::BuildConfiguration configuration =
      Configuration("outputs { layout: LAYOUT_NHWC permutation: [0, 2, 3, 1] }");
  ASSERT_OK_AND_ASSIGN(const std::vector<const onnx::NodeProto*> added, AttachOutputs(graph, configuration));
  EXPECT_THAT(added, SizeIs(0));
  EXPECT_EQ(OutputLayout(configuration, graph.proto().output(0)), "NATIVE");
}

TEST(AttachOutputsTest, AnOutputThatIsReadInsideStaysWhatItIsThere) {
  Graph graph = Load("g (float[2] x) => (float[2] y, float[2] z) { y = Neg(x) z = Neg(y) }");
  ASSERT_THAT(AttachOutputs(graph, Configuration("outputs { name: 'y' postprocessing { affine { bias: 5 } } }")),
              IsOk());
  const auto executor = LoadOnnxRuntime(graph.model(), {});
  ASSERT_THAT(executor, IsOk());
  ASSERT_OK_AND_ASSIGN(const std::vector<Tensor> outputs,
                       RunToTensors(**executor, {MakeTensor<float>(onnx::TensorProto::FLOAT, {2}, {1, 2})}));
  EXPECT_THAT(outputs[0].values<float>(), ElementsAre(4, 3));
  EXPECT_THAT(outputs[1].values<float>(), ElementsAre(1, 2));
}

TEST(AttachOutputsTest, WhatTheModelDoesNotHaveIsNamed) {
  Graph graph = Load(kPicture);
  EXPECT_THAT(AttachOutputs(graph, Configuration("outputs { name: 'boxes' }")).status(),
              StatusIs(absl::StatusCode::kInvalidArgument, HasSubstr("\"boxes\", which the model does not have")));
  EXPECT_THAT(AttachOutputs(graph, Configuration("outputs { name: 'y' permutation: [1, 0] }")).status(),
              StatusIs(absl::StatusCode::kInvalidArgument, HasSubstr("4 dimensions, and 2 are permuted")));
}

TEST(QuantizeOutputsTest, BytesHaveTheNetworksOwnScale) {
  Graph graph = Load(kQuantized);
  RepeatedPtrField<v1::TensorInfo> outputs;
  outputs.Add();
  ASSERT_THAT(QuantizeOutputs(graph, Configuration("outputs { element_type: ELEMENT_TYPE_UINT8 }"), outputs), IsOk());
  EXPECT_EQ(outputs[0].scale(), 0.5);
  EXPECT_EQ(outputs[0].zero_point(), 2);
  const Tensor output = Evaluate(graph, {-1, 0, 3.5, 500});
  ASSERT_EQ(output.element_type, onnx::TensorProto::UINT8);
  EXPECT_THAT(output.values<uint8_t>(), ElementsAre(0, 2, 9, 255));
}

TEST(QuantizeOutputsTest, EveryByteIsANumberOf16Bits) {
  Graph graph = Load(kQuantized);
  RepeatedPtrField<v1::TensorInfo> outputs;
  outputs.Add();
  ASSERT_THAT(QuantizeOutputs(graph, Configuration("outputs { name: 'y' element_type: ELEMENT_TYPE_INT16 }"), outputs),
              IsOk());
  const Tensor output = Evaluate(graph, {-1, 0, 3.5, 126.5});
  ASSERT_EQ(output.element_type, onnx::TensorProto::INT16);
  EXPECT_THAT(output.values<int16_t>(), ElementsAre(-32768, -32768 + 2 * 257, -32768 + 9 * 257, 32767));
}

TEST(QuantizeOutputsTest, AQuantizationValueIsStepsOfOne) {
  Graph graph = Load("g (float[4] x) => (float[4] y) { y = Identity(x) }");
  const std::string asked = "outputs { name: 'y' element_type: ELEMENT_TYPE_INT8 ";
  RepeatedPtrField<v1::TensorInfo> outputs;
  outputs.Add();
  EXPECT_THAT(QuantizeOutputs(graph, Configuration(asked + "}"), outputs),
              StatusIs(absl::StatusCode::kInvalidArgument, HasSubstr("give it a quantization_value")));
  ASSERT_THAT(QuantizeOutputs(graph, Configuration(asked + "quantization_value: 16 }"), outputs), IsOk());
  const Tensor output = Evaluate(graph, {1, -0.5, 100, -100});
  EXPECT_THAT(output.values<int8_t>(), ElementsAre(16, -8, 127, -128));
}

}  // namespace
}  // namespace joinery::compiler
