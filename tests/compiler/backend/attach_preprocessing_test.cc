#include "compiler/backend/attach_preprocessing.h"

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

using ::joinery::testing::IsOk;
using ::joinery::testing::StatusIs;
using ::testing::ElementsAre;
using ::testing::FloatNear;
using ::testing::HasSubstr;
using ::testing::Pointwise;

// Two pixels, red 10 green 20 blue 30 and red 40 green 50 blue 60.
const std::vector<uint8_t>& Pixels() {
  static const auto* pixels = new std::vector<uint8_t>{10, 20, 30, 40, 50, 60};
  return *pixels;
}

constexpr char kChannelsFirst[] = "g (float[1,3,1,2] x) => (float[1,3,1,2] y) { y = Identity(x) }";
constexpr char kChannelsLast[] = "g (float[1,1,2,3] x) => (float[1,1,2,3] y) { y = Identity(x) }";

v1::BuildConfiguration Configuration(const std::string& input) {
  v1::BuildConfiguration configuration;
  EXPECT_TRUE(google::protobuf::TextFormat::ParseFromString(input, configuration.add_inputs()));
  return configuration;
}

Graph Load(const char* text) {
  onnx::ModelProto model = ParseOnnxText(text);
  onnx::shape_inference::InferShapes(model);
  return Graph(std::move(model));
}

std::vector<float> RunOnPixels(const Graph& graph) {
  const auto executor = LoadOnnxRuntime(graph.model(), {});
  EXPECT_THAT(executor, IsOk());
  EXPECT_EQ((*executor)->inputs()[0].name, "x");
  const auto outputs = RunToTensors(
      **executor, {MakeTensor<uint8_t>(onnx::TensorProto::UINT8, (*executor)->inputs()[0].shape, Pixels())});
  EXPECT_THAT(outputs, IsOk());
  const absl::Span<const float> values = (*outputs)[0].values<float>();
  return {values.begin(), values.end()};
}

TEST(AttachPreprocessingTest, BytesAreTransposedAndNormalizedByChannel) {
  Graph graph = Load(kChannelsFirst);
  ASSERT_THAT(AttachPreprocessing(graph, Configuration(R"(
      name: "x" element_type: ELEMENT_TYPE_UINT8 layout: LAYOUT_NHWC color_space: COLOR_SPACE_RGB
      model_layout: LAYOUT_NCHW model_color_space: COLOR_SPACE_RGB model_shape: [1, 3, 1, 2]
      preprocessing { affine { scale: 0.1 bias: 1 } }
      preprocessing { normalization { mean: [1, 2, 3] std: [1, 2, 4] } })")),
              IsOk());
  EXPECT_THAT(RunOnPixels(graph), Pointwise(FloatNear(1e-5F), {1.0F, 4.0F, 0.5F, 2.0F, 0.25F, 1.0F}));
}

TEST(AttachPreprocessingTest, ChannelsAreSwappedAfterTheStepsInDeployedOrder) {
  Graph graph = Load(kChannelsFirst);
  ASSERT_THAT(AttachPreprocessing(graph, Configuration(R"(
      name: "x" element_type: ELEMENT_TYPE_UINT8 layout: LAYOUT_NHWC color_space: COLOR_SPACE_RGB
      model_layout: LAYOUT_NCHW model_color_space: COLOR_SPACE_BGR model_shape: [1, 3, 1, 2]
      preprocessing { normalization { mean: [10, 20, 30] std: 1 } })")),
              IsOk());
  // Blue first: what was last, less the mean that was given last.
  EXPECT_THAT(RunOnPixels(graph), ElementsAre(0, 30, 0, 30, 0, 30));
  Graph bgr = Load(kChannelsFirst);
  ASSERT_THAT(AttachPreprocessing(bgr, Configuration(R"(
      name: "x" element_type: ELEMENT_TYPE_UINT8 layout: LAYOUT_NHWC color_space: COLOR_SPACE_RGB
      model_layout: LAYOUT_NCHW model_color_space: COLOR_SPACE_BGR model_shape: [1, 3, 1, 2]
      preprocessing { normalization { mean: 0 std: [1, 1, 10] } })")),
              IsOk());
  EXPECT_THAT(RunOnPixels(bgr), Pointwise(FloatNear(1e-4F), {3.0F, 6.0F, 20.0F, 50.0F, 10.0F, 40.0F}));
}

TEST(AttachPreprocessingTest, AModelWithChannelsLastIsNotTransposed) {
  Graph graph = Load(kChannelsLast);
  ASSERT_OK_AND_ASSIGN(const auto added, AttachPreprocessing(graph, Configuration(R"(
      name: "x" element_type: ELEMENT_TYPE_UINT8 layout: LAYOUT_NHWC color_space: COLOR_SPACE_RGB
      model_layout: LAYOUT_NHWC model_color_space: COLOR_SPACE_RGB model_shape: [1, 1, 2, 3]
      preprocessing { normalization { mean: [10, 20, 30] std: 10 } })")));
  EXPECT_EQ(added.size(), 3);  // Cast, Mul, Add.
  EXPECT_THAT(RunOnPixels(graph), Pointwise(FloatNear(1e-5F), {0.0F, 0.0F, 0.0F, 3.0F, 3.0F, 3.0F}));
}

// Runs of three values are slow to broadcast; a row of pixels or one value is not.
TEST(AttachPreprocessingTest, ConstantsSpanARowOfPixelsWhereChannelsAreLast) {
  Graph graph = Load(kChannelsFirst);
  ASSERT_OK_AND_ASSIGN(const auto added, AttachPreprocessing(graph, Configuration(R"(
      name: "x" element_type: ELEMENT_TYPE_UINT8 layout: LAYOUT_NHWC color_space: COLOR_SPACE_RGB
      model_layout: LAYOUT_NCHW model_color_space: COLOR_SPACE_RGB model_shape: [1, 3, 1, 2]
      preprocessing { normalization { mean: [10, 20, 40] std: 10 } })")));
  ASSERT_EQ(added.size(), 4);  // Cast, Mul, Add, Transpose.
  EXPECT_THAT(graph.Initializer(added[1]->input(1))->dims(), ElementsAre());
  EXPECT_THAT(graph.Initializer(added[2]->input(1))->dims(), ElementsAre(2, 3));
  EXPECT_THAT(RunOnPixels(graph), Pointwise(FloatNear(1e-5F), {0.0F, 3.0F, 0.0F, 3.0F, -1.0F, 2.0F}));
}

TEST(AttachPreprocessingTest, ChannelsFirstOfADeployedInputAreBroadcast) {
  Graph graph = Load(kChannelsFirst);
  ASSERT_OK_AND_ASSIGN(const auto added, AttachPreprocessing(graph, Configuration(R"(
      name: "x" element_type: ELEMENT_TYPE_UINT8 layout: LAYOUT_NCHW color_space: COLOR_SPACE_RGB
      model_layout: LAYOUT_NCHW model_color_space: COLOR_SPACE_RGB model_shape: [1, 3, 1, 2]
      preprocessing { normalization { mean: [10, 30, 50] std: 1 } })")));
  ASSERT_EQ(added.size(), 2);  // Cast, Add.
  EXPECT_THAT(graph.Initializer(added[1]->input(1))->dims(), ElementsAre(1, 3, 1, 1));
  EXPECT_THAT(RunOnPixels(graph), ElementsAre(0, 10, 0, 10, 0, 10));
}

TEST(AttachPreprocessingTest, ANativeInputStaysAsItIs) {
  Graph graph = Load(kChannelsFirst);
  const std::string before = graph.model().SerializeAsString();
  ASSERT_OK_AND_ASSIGN(const auto added, AttachPreprocessing(graph, Configuration(R"(
      name: "x" element_type: ELEMENT_TYPE_FLOAT32 layout: LAYOUT_NCHW color_space: COLOR_SPACE_RGB
      model_layout: LAYOUT_NCHW model_color_space: COLOR_SPACE_RGB model_shape: [1, 3, 1, 2])")));
  EXPECT_TRUE(added.empty());
  EXPECT_EQ(graph.model().SerializeAsString(), before);
}

TEST(AttachPreprocessingTest, AnInputThatIsNotThereIsNamed) {
  Graph graph = Load(kChannelsFirst);
  EXPECT_THAT(AttachPreprocessing(graph, Configuration(R"(name: "q" model_shape: [1])")),
              StatusIs(absl::StatusCode::kInvalidArgument, HasSubstr("\"q\"")));
}

}  // namespace
}  // namespace joinery::compiler
